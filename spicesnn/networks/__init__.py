"""Networks of neurons: populations and projections, files of other packages, and what carries them on crossbar arrays."""
