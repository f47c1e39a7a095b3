"""Run the command line as ``python -m ptypy``."""

import sys

from ptypy.cli import main

if __name__ == "__main__":
    sys.exit(main())
