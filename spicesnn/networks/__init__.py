"""Networks of neurons: populations and projections, files of other packages, and the hardware that
carries them as crossbar arrays."""
