"""``python -m mespot`` is the command ``mespot``."""

import sys

from mespot.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
