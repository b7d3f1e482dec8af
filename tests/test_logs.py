"""The log: one JSON object per line, whose it is, and nobody who waits for it."""

import asyncio
import errno
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.commands import environment
from tests.logged import Lines, logged
from tests.serving import eventually
from vau.logs import Log, about, facts
from vau.logs.writer import MOST_LINES, Writer, write_to

logger = logging.getLogger("vau.wire")


@pytest.fixture
def lines() -> Iterator[Lines]:
    with logged() as kept:
        yield kept


def test_an_event_is_one_line_with_its_facts(lines: Lines) -> None:
    logger.info("ended", extra=facts(samples=7, reason=""))
    (line,) = lines.read()
    assert line["event"] == "ended"
    assert (line["samples"], line["reason"]) == (7, "")
    assert (line["level"], line["logger"]) == ("info", "vau.wire")
    assert line["time"].endswith("+00:00")


def test_what_is_no_number_in_json_is_null(lines: Lines) -> None:
    logger.info("slow", extra=facts(p99_ms=float("inf"), pace=float("nan"), lag_s=0.5))
    (line,) = lines.read()
    assert (line["p99_ms"], line["pace"], line["lag_s"]) == (None, None, 0.5)


def test_a_warning_of_a_library_is_a_line_like_any_other() -> None:
    code = """
import sys, warnings
from tests.commands import environment
from vau.logs import log_to
with log_to(sys.stderr):
    warnings.warn("overflow encountered", RuntimeWarning)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=True
    )
    (line,) = done.stderr.splitlines()
    assert "overflow encountered" in json.loads(line)["event"]


def test_a_defect_keeps_its_traceback_within_the_line(lines: Lines) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logger.exception("defect")
    (line,) = lines.read()
    assert "ZeroDivisionError: integer" in line["traceback"]


def test_what_somebody_else_logs_becomes_a_line_as_well(lines: Lines) -> None:
    logging.getLogger("grpc").warning("odd %s", object)
    (line,) = lines.read()
    assert line["event"].startswith("odd <class")


def test_what_is_less_than_the_level_is_not_logged() -> None:
    with logged("warning") as lines:
        logger.info("no")
        logger.warning("yes")
    assert [line["event"] for line in lines.read()] == ["yes"]


def test_lines_within_a_call_say_whose_they_are_as_far_as_that_is_known(lines: Lines) -> None:
    known: dict[str, int | float | str] = {"session": "abc"}
    with about(lambda: known):
        logger.info("first")
        known["backend"] = "x"
        logger.info("second", extra=facts(session="own"))
    logger.info("third")
    first, second, third = lines.read()
    assert (first["session"], first.get("backend")) == ("abc", None)
    assert (second["session"], second["backend"]) == ("own", "x")
    assert "session" not in third


def test_calls_side_by_side_do_not_mix(lines: Lines) -> None:
    async def call(name: str) -> None:
        with about(lambda: {"session": name}):
            await asyncio.sleep(0)
            await asyncio.create_task(part(name))

    async def part(name: str) -> None:
        await asyncio.sleep(0)
        logger.info(name)

    async def calls() -> None:
        await asyncio.gather(*(call(str(number)) for number in range(5)))

    asyncio.run(calls())
    said = lines.read()
    assert len(said) == 5
    assert [line["session"] for line in said] == [line["event"] for line in said]


# ------------------------------------------------------------------------ what goes wrong


class Faulty:
    """A file that a test may break."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.error: Exception | None = None
        self.may_write = threading.Event()
        self.may_write.set()

    def write(self, line: bytes) -> None:
        self.may_write.wait()
        if self.error is not None:
            raise self.error
        self.written.append(line)


FULL_DISK = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("error", [FULL_DISK, ValueError("I/O operation on closed file")])
def test_a_line_that_cannot_be_written_is_counted_and_the_next_is_written(
    error: Exception,
) -> None:
    file, lost = Faulty(), list[str]()
    writer = Writer(file.write, lost.append)
    file.error = error
    writer.offer('{"event": "lost"}')
    eventually(lambda: len(lost) == 1)
    file.error = None
    writer.offer('{"event": "kept"}')
    writer.close()
    text = b"".join(file.written).decode()
    assert lost == ["failed"]
    assert text.startswith("\n")  # or the rest of a half-written line would spoil it
    told, kept = map(json.loads, text.strip().splitlines())
    assert (told["event"], told["lost"]) == ("log lines lost", 1)
    assert kept["event"] == "kept"


def test_while_nobody_reads_the_log_nobody_waits_and_what_is_too_much_is_counted() -> None:
    file, lost = Faulty(), list[str]()
    writer = Writer(file.write, lost.append)
    file.may_write.clear()
    for number in range(MOST_LINES + 10):
        writer.offer(str(number))
    assert 8 <= len(lost) <= 10  # one is being written, and as many wait as may
    assert set(lost) == {"full"}
    file.may_write.set()
    writer.close(30.0)
    assert len(file.written) == MOST_LINES + 10 - len(lost)


def test_a_pipe_whose_reader_is_gone_loses_lines_and_nothing_else() -> None:
    reader, number = os.pipe()
    os.close(reader)
    with os.fdopen(number, "w") as stream, Log(stream) as log:
        log.offer("a")
        eventually(lambda: log.lost["failed"] == 1)


def test_a_full_pipe_holds_up_the_writer_alone() -> None:
    reader, number = os.pipe()
    with os.fdopen(number, "w") as stream:
        log = Log(stream)
        for _ in range(100):
            log.offer("x" * 10_000)  # more than a pipe takes, and nobody reads
        assert not log.lost
        read = b""
        while read.count(b"\n") < 100:
            read += os.read(reader, 1 << 16)
        log.close()
    os.close(reader)
    assert read == (b"x" * 10_000 + b"\n") * 100


def test_a_pipe_that_does_not_wait_is_waited_for() -> None:
    reader, number = os.pipe()
    os.set_blocking(number, False)
    with os.fdopen(number, "w") as stream:
        log = Log(stream)
        log.offer("y" * 200_000)
        read = b""
        while not read.endswith(b"\n"):
            read += os.read(reader, 1 << 16)
        log.close()
    os.close(reader)
    assert len(read) == 200_001
    assert not log.lost


def test_a_stderr_that_was_closed_before_we_started_loses_every_line() -> None:
    with Log(None) as log:
        log.offer("a")
        eventually(lambda: log.lost["failed"] == 1)


def test_a_line_that_cannot_be_made_is_counted(lines: Lines) -> None:
    class Nameless:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    logger.info("odd", extra={"vau_facts": {"name": Nameless()}})
    logger.info("after")
    assert [line["event"] for line in lines.read()] == ["log lines lost", "after"]
    assert lines.log.lost == {"unprintable": 1}


def test_who_asks_late_hears_of_what_was_lost_before() -> None:
    told: list[tuple[str, int]] = []
    with Log(None) as log:
        log.offer("a")
        eventually(lambda: log.lost["failed"] == 1)
        log.on_lost(lambda reason, lines: told.append((reason, lines)))
        log.lose("full")
    assert told == [("failed", 1), ("full", 1)]


def test_an_odd_character_is_written_somehow() -> None:
    stream = io.StringIO()
    with Log(stream) as log:
        log.offer("\ud800")
    assert stream.getvalue() == "\\ud800\n"


def test_closing_twice_is_harmless_and_a_line_behind_it_is_no_error() -> None:
    log = Log(io.StringIO())
    log.close()
    log.offer("late")
    log.close()


def test_text_in_memory_is_written_to() -> None:
    stream = io.StringIO()
    write_to(stream)(b"a\n")
    assert stream.getvalue() == "a\n"


def test_debug_is_for_lines_of_ours() -> None:
    with logged("debug") as lines:
        for name in ("grpc._cython.cygrpc", "asyncio", "vau.wire.x", "vau_backends.x"):
            logging.getLogger(name).debug("a detail")
        logging.getLogger("asyncio").warning("a trouble")
        said = [(line["logger"], line["level"]) for line in lines.read()]
    assert said == [
        ("vau.wire.x", "debug"),
        ("vau_backends.x", "debug"),
        ("asyncio", "warning"),
    ]
