"""python -m vau_backends.board.virtual: see ``server``."""

import sys

from vau_backends.board.virtual.server import main

sys.exit(main())
