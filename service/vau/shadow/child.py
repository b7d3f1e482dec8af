"""The process of a shadow: what it does to itself, and its way from order to end.

It ends when its pipe does, however that came about; so none survives its server.
"""

import logging
import os
import signal
import sys
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Final, NoReturn

from vau.backend import Backend, BackendOptions
from vau.errors import BackendFault, ModelIncompatible, VauError
from vau.logs import Log, facts, log_to
from vau.model import find_model
from vau.registry import open_backend
from vau.selfcheck import self_check
from vau.shadow.messages import Connection, GaveUp, Opened, Order, Stretches, hear
from vau.shadow.priority import stand_back
from vau.shadow.worker import Worker
from vau.signals import ENDING

FAILED: Final = 1
REPORT_S: Final = 0.1  # while there is more to do; each report takes the server's time

logger = logging.getLogger(__name__)

Told = SimpleQueue[Stretches | None]


def main(pipe: Connection, order: Order) -> None:
    """Shadow until told to close, or until nobody is there any more."""
    _take_signals()
    gone = suppress(BrokenPipeError, ConnectionResetError)  # when the server has
    with log_to(sys.stderr, "warning") as log, gone:
        name = order.backend
        try:
            if not order.is_first:
                stand_back()
            backend = _open(order)
            name = backend.info.id
            if order.is_first:
                stand_back()
            _serve(pipe, backend, order)
            backend.close()
        except VauError as error:
            _give_up(pipe, log, error)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as defect:  # a plug-in's: it may be anything
            logger.exception("shadow failed", extra=facts(shadow=name))
            text = f"{type(defect).__name__}: {defect}"
            fault = BackendFault(f"backend {name}: {text}; the log has the traceback")
            _give_up(pipe, log, fault)


def _give_up(pipe: Connection, log: Log, error: VauError) -> NoReturn:
    """Say why, and end; what was logged of it comes first, for whoever hears of it may look."""
    log.close()
    pipe.send(GaveUp.for_want_of(error))
    sys.exit(FAILED)


def _serve(pipe: Connection, backend: Backend, order: Order) -> None:
    """Hear what the server says, and report, until told to close."""
    pipe.send(Opened(backend.info))
    told: Told = SimpleQueue()
    Thread(target=_listen, args=(pipe, told), daemon=True).start()
    work(pipe, told, Worker(backend, order.primaries))


def _take_signals() -> None:
    """Leave it to the server when to end: it says so, or is gone and the pipe with it.

    Ctrl-C goes to all processes of a terminal, and a service manager's SIGTERM to all of a
    service, while the server goes on until its streams have ended.
    """
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _open(order: Order) -> Backend:
    """Open the backend as a server would; it must be right before it may judge others."""
    model = find_model(order.model)
    if model.digest != order.model_digest:
        raise ModelIncompatible(
            f"model {order.model}: it is not the one that the server has loaded any more; "
            "restart the server",
            field="model",
        )
    backend = open_backend(order.backend, model, BackendOptions(slot_count=order.slots))
    self_check(backend, model)
    return backend


def _listen(pipe: Connection, told: Told) -> None:
    """Pass on what the server says. When it is gone, so are we, even in the middle of a run."""
    try:
        while True:
            told.put(hear(pipe))
    except (EOFError, OSError):
        os._exit(0)


def work(pipe: Connection, told: Told, worker: Worker) -> None:
    """Take all there is, run a round, report now and then; until told to close."""
    reported_s = perf_counter()
    while True:
        try:
            while True:
                message = told.get(block=not worker.has_work)
                if message is None:
                    pipe.send(worker.report())
                    return
                worker.take(message.split())
        except Empty:
            worker.round()
        if not worker.has_work or perf_counter() - reported_s > REPORT_S:
            pipe.send(worker.report())
            reported_s = perf_counter()
