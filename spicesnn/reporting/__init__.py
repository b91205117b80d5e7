"""What is written for people: curves with their figures, the figures of a run, and its report."""
