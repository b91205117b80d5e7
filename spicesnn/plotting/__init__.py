"""Figures: functions that take an Axes and return it. They need no display and leave the caller's
matplotlib settings alone."""
