"""Studies: the questions one asks of an array again and again, each a TOML file that says what is
varied, with its table and figure."""
