"""python -m flowlogs: the command."""

import sys

from flowlogs.cli import main

if __name__ == "__main__":
    sys.exit(main())
