"""`python -m spicesnn`: the commands, where the script `spicesnn` is not on the path."""

import sys

from spicesnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
