"""Promises about sessions, order and replay: sections 2, 3 and 5 of docs/vau-link-1.md."""

from dataclasses import replace
from typing import Final

from vau_backends.board.link.frame import Frame, wire_bytes
from vau_backends.board.link.payloads import STATE_HEAD, StateRefusal
from vau_backends.board.link.telemetry import BLOCK
from vau_backends.board.link.words import Operation, Region, Status, address
from vau_backends.board.workbench.conformance.laid import lay, refusal
from vau_backends.board.workbench.conformance.probe import Probe, Unkept, expect, told
from vau_backends.board.workbench.conformance.promise import promise


@promise("2", "a new OPEN begins at number 1, and ends the session before")
def _a_new_session_begins_anew(probe: Probe) -> None:
    probe.begin()
    probe.goes_on()
    before = probe.request(Operation.TELEM)
    probe.begin()
    if before.session != probe.session:
        probe.call(before, Status.SESSION)
    probe.goes_on()


@promise("2", "the same OPEN again changes nothing")
def _the_same_open_changes_nothing(probe: Probe) -> None:
    probe.begin()
    probe.goes_on()
    probe.open()
    probe.goes_on()


@promise("2", "a request of another session is SESSION, whatever its number, and takes none")
def _another_session_is_refused(probe: Probe) -> None:
    probe.begin()
    other = replace(probe.request(Operation.TELEM), session=probe.session ^ 1)
    probe.call(other, Status.SESSION)
    probe.call(replace(other, seq=77), Status.SESSION)
    probe.goes_on()


@promise("2", "CLOSE ends the session: no owner, no nonce, and requests are SESSION")
def _close_ends_the_session(probe: Probe) -> None:
    probe.begin()
    close = probe.request(Operation.CLOSE)
    probe.call(close)
    reply, info = probe.look()
    expect("session", reply.session, 0)
    expect("nonce", info.nonce, 0)
    probe.call(close, Status.SESSION)


@promise("3", "a number out of turn is SEQ with the expected one, and is not executed")
def _out_of_turn_is_refused(probe: Probe) -> None:
    probe.begin()
    probe.goes_on()
    for seq in (4, 40_000, 0):
        early = replace(probe.request(Operation.TELEM), seq=seq)
        expect("in addr", probe.call(early, Status.SEQ).address, probe.seq)
    unknown = replace(probe.request(UNKNOWN[0]), seq=9)
    probe.call(unknown, Status.SEQ)
    probe.goes_on()


@promise("3", "a repeated step is answered by its stored reply, and is not executed again")
def _a_step_is_replayed(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.first_state)
    request = laid.step_request(0, 0, laid.answer.x[:1])
    first = probe.call(request, size=8 + laid.image.tiling.hidden)
    for _ in range(2):
        _same(first, probe.ask(request))
    reply = probe.call(laid.get_request(0, 0, 1), size=STATE_HEAD.size + 1)
    expect("steps", int.from_bytes(reply.payload[:4], "little"), 1)


@promise("3", "a refusal takes its number, and is repeated like any other reply")
def _a_refusal_is_replayed(probe: Probe) -> None:
    probe.begin()
    request = probe.request(UNKNOWN[0])
    first = probe.call(request, Status.UNSUPPORTED)
    _same(first, probe.ask(request))
    probe.goes_on()


@promise("3.1", "WRITEs may be unanswered up to the window, and each of them is repeated")
def _writes_are_replayed(probe: Probe) -> None:
    laid = lay(probe)
    memory, info = laid.image.memories[0], probe.info
    row = memory.rows[:1].tobytes()
    count = info.window
    if info.buffer_bytes:
        count = max(1, min(count, info.buffer_bytes // wire_bytes(len(row))))
    requests = []
    for _ in range(count):
        at = address(Region.WEIGHTS, 0)
        requests.append(probe.request(Operation.WRITE, row, die=memory.die, at=at))
        probe.seq += 1
    replies = probe.answers(b"".join(each.encode() for each in requests), count)
    for request, reply in zip(requests, replies, strict=True):
        probe.due(request, reply)
    for request, reply in zip(requests, replies, strict=True):
        _same(reply, probe.ask(request))
    probe.goes_on()


@promise("3.1", "the stored reply of class B is forgotten with the next: SEQ")
def _one_reply_is_stored(probe: Probe) -> None:
    probe.begin()
    first = probe.request(Operation.TELEM)
    probe.goes_on()
    probe.goes_on()
    expect("in addr", probe.call(first, Status.SEQ).address, probe.seq)


@promise("5", "an unknown operation is UNSUPPORTED")
def _unknown_operations_are_refused(probe: Probe) -> None:
    probe.begin()
    for op in UNKNOWN:
        probe.call(probe.request(op), Status.UNSUPPORTED)
    probe.goes_on()


@promise("5", "TELEM and CLOSE with a payload are RANGE")
def _lengths_are_checked(probe: Probe) -> None:
    probe.begin()
    for op in (Operation.TELEM, Operation.CLOSE):
        probe.call(probe.request(op, b"\1"), Status.RANGE)
    probe.goes_on()


@promise("4.5", "TELEM counts frames, junk, replays, SEQ, SESSION, steps and cycles")
def _counters_count(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.first_state)
    before = probe.goes_on()
    repeated = replace(probe.request(Operation.TELEM), seq=probe.seq - 1)
    probe.due(repeated, probe.ask(repeated), size=BLOCK.size)
    probe.call(replace(repeated, seq=9_999), Status.SEQ)
    probe.call(replace(repeated, session=probe.session ^ 1), Status.SESSION)
    probe.answers(b"\0\x02\xa5\0")
    cycles = laid.step(0, 0, laid.answer.x[:1]).cycles
    after = probe.goes_on()
    link, core = before.link, before.core
    for what, saw, was, rise in (
        ("frames", after.link.frames, link.frames, 5),
        ("chunks of junk", after.link.junk_chunks, link.junk_chunks, 1),
        ("replays", after.link.replays, link.replays, 1),
        ("SEQ answered", after.link.out_of_order, link.out_of_order, 1),
        ("SESSION answered", after.link.foreign_sessions, link.foreign_sessions, 1),
        ("steps", after.core.steps, core.steps, 1),
        ("cycles", after.core.cycles, core.cycles, cycles),
    ):
        expect(f"{what} up by", (saw - was) % 2**32, rise)


@promise("2", "RESET ends session and CONFIG, counters begin anew, and STEP is STATE then")
def _reset_leaves_nothing(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.first_state)
    laid.step(0, 0, laid.answer.x[:1])
    late = probe.request(Operation.TELEM)
    probe.reset()
    reply, info = probe.look()
    expect("session", reply.session, 0)
    expect("nonce", info.nonce, 0)
    probe.call(late, Status.SESSION)
    probe.begin()
    empty = probe.request(Operation.STEP)  # of a wrong length too: that is looked at later
    refusal(probe, empty, StateRefusal(False, 0, 0))
    expect("steps", probe.goes_on().core.steps, 0)


def _same(first: Frame, again: Frame) -> None:
    """See that a reply was sent again as it was; its credits are of now."""
    if replace(again, credits=first.credits) != first:
        saw = told(again.status, len(again.payload))
        raise Unkept(
            f"the stored reply again, {told(first.status, len(first.payload))}",
            f"{saw} and number {again.seq}"
            if again.status != first.status
            else f"{saw}, other",
        )


UNKNOWN: Final = (0x7E, 0x40, 0x04, 0x00)

ORDER: Final = (
    _a_new_session_begins_anew,
    _the_same_open_changes_nothing,
    _another_session_is_refused,
    _close_ends_the_session,
    _out_of_turn_is_refused,
    _a_step_is_replayed,
    _a_refusal_is_replayed,
    _writes_are_replayed,
    _one_reply_is_stored,
    _unknown_operations_are_refused,
    _lengths_are_checked,
    _counters_count,
)
LAST: Final = (_reset_leaves_nothing,)
