"""Recordings of events (time, place, polarity): the formats they come in, and what bins them into
time steps.
"""
