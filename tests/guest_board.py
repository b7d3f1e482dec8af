"""A process that serves a board of software as a virtual one would be: ``hosting.COMMAND``."""

import json
import os
import sys
import threading
from typing import Final

from tests.board_server import served
from tests.software_board import SoftwareBoard, board_info

COMMAND: Final = (sys.executable, "-m", "tests.guest_board")

if __name__ == "__main__":
    parent, never = os.getppid(), threading.Event()
    with served(SoftwareBoard(board_info())) as server:
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        while os.getppid() == parent:
            never.wait(0.5)
