"""Two threads that call the same thing until they meet in it."""

import threading
from collections.abc import Callable

ATTEMPTS = 500


def refusals_of_one_of_two(call: Callable[[], object]) -> list[str]:
    """Call from two threads at once until one is turned away; return what they were told.

    ``call`` lets go of the interpreter for most of its time, so that they meet at once.
    """
    refusals: list[str] = []

    def keep_calling() -> None:
        for _ in range(ATTEMPTS):
            if refusals:
                return
            try:
                call()
            except RuntimeError as refusal:
                refusals.append(str(refusal))

    threads = [threading.Thread(target=keep_calling) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refusals
