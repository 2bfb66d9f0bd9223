"""`python -m aichats_cli` is the command `aichats`."""

import sys

from aichats_cli.start import start

if __name__ == "__main__":
    sys.exit(start())
