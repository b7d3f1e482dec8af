"""Who starts the workers, gives them their blocks, and hears what became of the files."""

import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, Final

import ray
import ray.data
from ray.data.block import BlockAccessor
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vau.commands.transcribe.journal import Entry
from vau.commands.transcribe.on_ray.blocks import Block, cut
from vau.commands.transcribe.on_ray.desk import Desk
from vau.commands.transcribe.on_ray.parts import gathered
from vau.commands.transcribe.on_ray.shelf import Shelf
from vau.commands.transcribe.on_ray.worker import Answer, Order, Worker
from vau.commands.transcribe.plan import Numbered, Outcome, TranscribePlan
from vau.errors import BackendFault, Unreachable, VauError
from vau.model import find_model

OBJECT_STORE_BYTES: Final = 100_000_000  # what passes are paths and phones, no audio
CONNECT_S: Final = 10.0
POLL_S: Final = 0.1  # how long a Ctrl-C is on its way to the workers
THREAD_ENDS_S: Final = 60.0  # it takes milliseconds


def outcomes(
    plan: TranscribePlan,
    numbered: Numbered,
    durations_s: Sequence[float],
    warn: Callable[[str], None],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """Yield each item once it is done and those before it in its block are.

    durations_s: of the audio of each item; 0 if it is not known.
    warn:        hears of workers that died.
    Raises       Unreachable if there is no such cluster, BackendFault if Ray gives up, and what
                 else is not the fault of one file.
    """
    with _saying_why(), _gathering(plan), _joined(plan):
        workers = plan.jobs or int(ray.cluster_resources().get("CPU", 1))
        blocks = cut(numbered, durations_s, workers=workers)
        desk = _desk()
        order = Order(
            plan=plan,
            run=uuid.uuid4().hex,
            model_digest=find_model(plan.model).digest,
            folder=str(Path.cwd()),
            begin=partial(_ask, desk, "begin"),
            stopping=partial(_ask, desk, "stopping"),
        )
        with _passed_on(stopping, desk):
            yield from _answers(blocks, order, min(workers, len(blocks)))
        if lost := _ask(desk, "lost"):
            died = "a worker" if lost == 1 else f"{lost} workers"
            warn(f"{died} died; what was begun there went on elsewhere")


def recalled(plan: TranscribePlan) -> dict[str, Entry]:
    """Return what the journal of the output folder holds, by the name of the transcript.

    Raises Unwritable if the folder cannot be written to.
    """
    shelf = Shelf(plan.place)
    shelf.prepare()
    return gathered(shelf)


@contextmanager
def _gathering(plan: TranscribePlan) -> Iterator[None]:
    """Put what was noted in the block into the journal, whatever ended it."""
    try:
        yield
    finally:
        if plan.output is not None:
            gathered(Shelf(plan.place))


def _answers(blocks: Sequence[Block], order: Order, workers: int) -> Iterator[Outcome]:
    rows = [{"block": block} for block in blocks]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Worker,
        fn_constructor_args=(order,),
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        batch_size=1,
        batch_format="numpy",
        num_cpus=1,
    )
    with without_threads_left(), closing(_rows(dataset)) as answered:
        for row in answered:
            answer: Answer = row["answer"]
            if isinstance(answer, VauError):
                raise answer
            place, result = answer
            if result is not None:
                yield place, result


def _rows(dataset: ray.data.Dataset) -> Generator[dict[str, Any], None, None]:
    """Yield what ``iter_rows`` would, without threads that are left if it is left early."""
    for bundle in dataset.iter_internal_ref_bundles():
        for block in ray.get(bundle.block_refs):
            yield from BlockAccessor.for_block(block).iter_rows(public_row_format=True)


@contextmanager
def without_threads_left() -> Iterator[None]:
    """Wait for the threads that Ray began in the block.

    One that speaks to Ray after its shutdown ends this process, without a word.
    """
    others = set(threading.enumerate())
    try:
        yield
    finally:
        for thread in set(threading.enumerate()) - others:
            thread.join(THREAD_ENDS_S)


@contextmanager
def _saying_why() -> Iterator[None]:
    """Let nothing that befalls Ray look like a bug; what our own code raised in it is one."""
    try:
        yield
    except RayTaskError:
        raise
    except RayError as cause:
        raise BackendFault(
            f"engine: Ray gave up: {cause}; what it says of that is in the logs of its nodes "
            "(docs/ray.md); --resume goes on with the rest"
        ) from cause


def _ask(desk: Any, question: str, *said: object) -> Any:  # noqa: ANN401 - a handle of Ray
    with _saying_why():
        return ray.get(getattr(desk, question).remote(*said))


def _desk() -> Any:  # noqa: ANN401 - a handle of Ray
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(Desk).remote()


@contextmanager
def _passed_on(stopping: Callable[[], bool], desk: Any) -> Iterator[None]:  # noqa: ANN401
    """Tell the workers, once we are to stop."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_S):
            if stopping():
                desk.stop.remote()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@contextmanager
def _joined(plan: TranscribePlan) -> Iterator[None]:
    """Join a cluster, or start one of our own on this machine; leave it at the end.

    Nothing of ours goes on there then. What Ray says on stdout, where transcripts may go, is
    not heard meanwhile.
    """
    said: dict[str, Any] = {"address": plan.address}
    if not plan.address:
        said = {
            "address": "local",
            "num_cpus": plan.jobs,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
    else:
        _knock(plan.address)
    terminate = signal.getsignal(signal.SIGTERM)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        try:
            ray.init(logging_level=logging.ERROR, log_to_driver=False, **said)
        except Exception as cause:  # it raises nothing narrower if a node is slow to start
            raise _no_cluster(plan.address, cause) from cause
        signal.signal(signal.SIGTERM, terminate)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        settings = ray.data.DataContext.get_current()
        settings.enable_progress_bars = False
        settings.target_max_block_size = 1  # bytes: each answer is passed on as it comes
        try:
            yield
        finally:
            ray.shutdown()


def _knock(address: str) -> None:
    """Find out whether anybody listens there, for which Ray takes minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():  # "auto": it looks around itself
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as cause:
        raise _no_cluster(address, cause) from cause


def _no_cluster(address: str, cause: Exception) -> Unreachable:
    return Unreachable(
        f"address: no cluster of Ray at {address or 'this machine'}: {cause}; start one with "
        "'ray start --head', see that RAY_AUTH_TOKEN is its token, or leave out --address"
    )
