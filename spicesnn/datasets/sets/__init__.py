"""Data sets that spicesnn brings, a file a set or a family of them; the files register
themselves."""
