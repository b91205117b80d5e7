"""Device models whose parameters follow from measurements."""
