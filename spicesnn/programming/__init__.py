"""From what a weight should do to the pulses that do it, as engines solve them."""
