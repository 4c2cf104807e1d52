"""``python -m fbscheck`` is the command ``fbscheck``."""

import sys

from fbscheck.cli import main

if __name__ == "__main__":
    sys.exit(main())
