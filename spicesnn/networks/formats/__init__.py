"""Networks from files and objects of other packages, and back."""
