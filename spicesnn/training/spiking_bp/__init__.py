"""Approximate back-propagation by spikes: two crossbars of integrate-and-fire neurons, the error
counted in spikes."""
