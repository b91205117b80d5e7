"""Data sets that spicesnn brings, a file per set or a family of them; the files register
themselves."""
