"""Promises about steps and states: sections 4.3 and 4.4 of docs/vau-link-1.md."""

from dataclasses import replace
from typing import Final

import numpy as np

from vau_backends.board.device.state import LayerState
from vau_backends.board.link.payloads import STATE_HEAD, STEP_HEAD
from vau_backends.board.link.words import (
    STEP_MODULUS,
    Capability,
    Operation,
    Status,
    address,
)
from vau_backends.board.workbench.conformance.laid import lay
from vau_backends.board.workbench.conformance.probe import Probe, expect
from vau_backends.board.workbench.conformance.promise import promise

# --- steps ----------------------------------------------------------------------------------


@promise("4.3", "STEP gives the known answers, in two contexts in turn, in the cycles due")
def _steps_are_right(probe: Probe) -> None:
    laid = lay(probe)
    contexts = sorted({0, probe.info.contexts - 1})
    for context in contexts:
        laid.put(context, laid.first_state)
    for step in range(len(laid.answer.x)):
        for context in contexts:
            laid.is_known(context, step)


@promise("4.3", "STEP_N gives the same as so many STEPs, or is UNSUPPORTED if INFO has it not")
def _steps_at_once_are_right(probe: Probe) -> None:
    laid, info = lay(probe), probe.info
    laid.put(0, laid.first_state)
    tiling, answer = laid.image.tiling, laid.answer
    room = (info.most_payload - STEP_HEAD.size) // tiling.hidden
    frames = min(len(answer.x), info.most_payload // tiling.inputs, room)
    if not info.capabilities & Capability.STEP_N:
        request = replace(laid.step_request(0, 0, answer.x[:1]), op=Operation.STEP_N)
        probe.call(request, Status.UNSUPPORTED)
    elif frames > 1:
        stepped = laid.step(0, 0, answer.x[:frames])
        hidden = np.frombuffer(stepped.hidden, np.int8).reshape(frames, -1)
        for step in range(frames):
            due = answer.saturations[step]  # of all steps together below
            expect(f"of step {step + 1}", answer.difference(step, hidden[step], due), "")
        expect("saturations", stepped.saturations, int(answer.saturations[:frames].sum()))
        expect("count", laid.got(0).step, frames)


@promise("4.3", "STEP with a number that is not the count, or of an invalid context, is STATE")
def _steps_are_counted(probe: Probe) -> None:
    laid = lay(probe)
    x = laid.answer.x[:1]
    laid.refused(laid.step_request(0, 0, x), 0, 0)
    laid.put(0, laid.first_state)
    laid.is_known(0, 0)
    for number in (0, 2):
        laid.refused(laid.step_request(0, number, x), 1, 1)
    laid.is_known(0, 1)


@promise("4.3", "STEP of a wrong length is RANGE, and is not executed")
def _inputs_are_counted(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.first_state)
    for x in (b"", bytes(laid.image.tiling.inputs + 1), bytes(2 * laid.image.tiling.inputs)):
        probe.call(probe.request(Operation.STEP, x, at=address(0, 0)), Status.RANGE)
    laid.is_known(0, 0)


@promise("4.3", "the count of steps goes from 2^24 - 1 to 0")
def _the_count_wraps(probe: Probe) -> None:
    laid = lay(probe)
    last = STEP_MODULUS - 1
    laid.put(0, replace(laid.first_state, step=last))
    laid.step(0, last, laid.answer.x[:1])
    expect("count", laid.got(0).step, 0)


# --- states ---------------------------------------------------------------------------------


@promise("4.3", "STATE_RESET leaves zeros, and no step counted")
def _a_context_begins_with_zeros(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.some_state(5))
    probe.call(probe.request(Operation.STATE_RESET))
    state = laid.got(0)
    expect("state", state.content.hex(), bytes(laid.state_bytes).hex())
    expect("count", state.step, 0)


@promise("4.4", "STATE_GET returns what STATE_SET brought, whole and in parts, with its CRCs")
def _states_are_kept(probe: Probe) -> None:
    laid = lay(probe)
    for step, part in ((5, 0), (6, 2), (0xABCDEF, laid.state_bytes - 1)):
        state = laid.some_state(step)
        laid.put(0, state, part)
        _is_state(laid.got(0), state)
        _is_state(laid.got(0, part=2), state)


@promise("4.4", "a part of a state with a wrong CRC is STATE, and leaves the context invalid")
def _a_wrong_state_is_refused(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.some_state(5))
    right = laid.put_request(0, laid.some_state(5), 0, laid.state_bytes)
    wrong = right.payload[:-1] + bytes([right.payload[-1] ^ 1])
    laid.refused(replace(right, payload=wrong), 0, 0)
    laid.refused(laid.step_request(0, 5, laid.answer.x[:1]), 0, 0)


@promise("4.4", "a part of a state out of its place is STATE, and so is one after another call")
def _parts_have_their_place(probe: Probe) -> None:
    laid = lay(probe)
    state = laid.some_state(5)
    probe.call(laid.put_request(0, state, 0, 2))
    laid.refused(laid.put_request(0, state, 3, 2), 0, 0)
    probe.call(laid.put_request(0, state, 0, 2))
    probe.goes_on()
    laid.refused(laid.put_request(0, state, 2, 2), 0, 0)
    laid.put(0, state)
    probe.call(laid.get_request(0, 0, 2), size=STATE_HEAD.size + 2)
    laid.refused(laid.get_request(0, 3, 2), 1, 5)
    probe.call(laid.get_request(0, 0, 2), size=STATE_HEAD.size + 2)
    probe.goes_on()
    laid.refused(laid.get_request(0, 2, 2), 1, 5)


@promise(
    "4.4", "STATE tells a context within a STATE_SET, which ends with it, from an invalid one"
)
def _a_transfer_that_ends_is_told(probe: Probe) -> None:
    laid = lay(probe)
    state, x = laid.some_state(5), laid.answer.x[:1]
    for other in (laid.step_request(0, 5, x), laid.get_request(0, 0, 2)):
        probe.call(laid.put_request(0, state, 0, 2))
        laid.refused(replace(other, seq=probe.seq), 2, 0)
        laid.refused(replace(other, seq=probe.seq), 0, 0)
    probe.call(laid.put_request(0, state, 0, 2))
    probe.call(laid.get_request(0, laid.state_bytes, 1), Status.RANGE)
    laid.refused(laid.step_request(0, 5, x), 0, 0)
    laid.put(0, state)
    laid.refused(laid.put_request(0, state, 3, 2), 0, 0)
    laid.refused(laid.step_request(0, 5, x), 0, 0)


@promise("4.4", "states past their end, and of a wrong length, are RANGE")
def _the_end_of_a_state_is_held(probe: Probe) -> None:
    laid = lay(probe)
    laid.put(0, laid.some_state(5))
    size = laid.state_bytes
    longer = LayerState(5, laid.some_state(5).content + b"\1")
    get, put = laid.get_request, laid.put_request
    probe.call(get(0, 0, size + 1), Status.RANGE)
    probe.call(get(0, size, 1), Status.RANGE)
    probe.call(replace(get(0, 0, 1), payload=b"\1"), Status.RANGE)
    probe.call(put(0, longer, 0, size + 1), Status.RANGE)
    probe.call(replace(put(0, longer, 0, 1), payload=bytes(STATE_HEAD.size)), Status.RANGE)
    probe.call(probe.request(Operation.STATE_RESET, b"\1"), Status.RANGE)


def _is_state(saw: LayerState, due: LayerState) -> None:
    expect("state", saw.content.hex(), due.content.hex())
    expect("count", saw.step, due.step)


CONTEXTS: Final = (
    _steps_are_right,
    _steps_at_once_are_right,
    _steps_are_counted,
    _inputs_are_counted,
    _the_count_wraps,
    _a_context_begins_with_zeros,
    _states_are_kept,
    _a_wrong_state_is_refused,
    _parts_have_their_place,
    _a_transfer_that_ends_is_told,
    _the_end_of_a_state_is_held,
)
