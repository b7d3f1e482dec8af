"""A small layer on all dies of the first array: what is done to it, and what it answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.device.image import LayerImage
from vau_backends.board.device.known_answer import KnownAnswer, known_answer
from vau_backends.board.device.state import LayerState
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.payloads import (
    COUNT,
    STATE_HEAD,
    STEP_HEAD,
    StatePart,
    StateRefusal,
    Stepped,
    state_crc,
)
from vau_backends.board.link.words import STEP_MODULUS, Operation, Status, address
from vau_backends.board.workbench.conformance.probe import Probe, Unkept, expect
from vau_backends.board.workbench.networks import small_layer
from vau_backends.muntaniala.cycles import LayerCycles


@dataclass(frozen=True, slots=True)
class Laid:
    """The layer, on the board behind a probe."""

    probe: Probe
    image: LayerImage
    answer: KnownAnswer

    @property
    def state_bytes(self) -> int:
        """Of a context."""
        return self.image.config.state_bytes

    @property
    def first_state(self) -> LayerState:
        """In which the known answers begin."""
        return LayerState.of(0, self.answer.h, self.answer.c)

    def some_state(self, step: int) -> LayerState:
        """Return a state of which no two neighbouring bytes are the same."""
        values = np.arange(1, self.state_bytes + 1) * 37 % 251
        return LayerState(step, values.astype(np.uint8).tobytes())

    # --- steps ------------------------------------------------------------------------------

    def step_request(self, context: int, number: int, x: NDArray[np.int8]) -> Frame:
        """Return the request for steps with inputs of shape (frames, inputs)."""
        op = Operation.STEP if len(x) == 1 else Operation.STEP_N
        at = address(context, number % STEP_MODULUS)
        return self.probe.request(op, x.tobytes(), at=at)

    def step(self, context: int, number: int, x: NDArray[np.int8]) -> Stepped:
        """Step a context, see that it took the cycles of the schedule, and return the reply."""
        size = len(x) * self.image.tiling.hidden
        request = self.step_request(context, number, x)
        reply = self.probe.call(request, size=STEP_HEAD.size + size)
        stepped = Stepped.decode(reply.payload, size)
        expect("cycles", stepped.cycles, len(x) * LayerCycles.of(self.image.tiling).total)
        return stepped

    def is_known(self, context: int, step: int) -> None:
        """Take one step of the known answers, and see that it is right."""
        stepped = self.step(context, step, self.answer.x[step : step + 1])
        hidden = np.frombuffer(stepped.hidden, np.int8)
        if wrong := self.answer.difference(step, hidden, stepped.saturations):
            raise Unkept(f"the known answer to step {step + 1}", wrong)

    def refused(self, request: Frame, context: int, step: int) -> None:
        """See that a request is refused with STATE, and with what the context is."""
        refusal(self.probe, request, StateRefusal(True, context, step))

    # --- states -----------------------------------------------------------------------------

    def put_request(self, context: int, state: LayerState, first: int, size: int) -> Frame:
        """Return the request that puts one part of a state."""
        content = state.content[first : first + size]
        crc = state_crc(state.step, state.content[: first + len(content)])
        payload = StatePart(state.step, crc, content).encode()
        return self.probe.request(Operation.STATE_SET, payload, at=address(context, first))

    def put(self, context: int, state: LayerState, part: int = 0) -> None:
        """Put a state into a context, in parts of so many bytes; 0: as large as they may be."""
        part = part or self._room
        for first in range(0, len(state.content), part):
            self.probe.call(self.put_request(context, state, first, part))

    def get_request(self, context: int, first: int, count: int) -> Frame:
        """Return the request for one part of a state."""
        at = address(context, first)
        return self.probe.request(Operation.STATE_GET, COUNT.pack(count), at=at)

    def got(self, context: int, part: int = 0) -> LayerState:
        """Copy a state out, in parts of so many bytes, and see that each has its CRC."""
        part = part or self._room
        content, step = b"", 0
        while len(content) < self.state_bytes:
            count = min(part, self.state_bytes - len(content))
            request = self.get_request(context, len(content), count)
            reply = self.probe.call(request, size=STATE_HEAD.size + count)
            found = StatePart.decode(reply.payload)
            content, step = content + found.content, found.step
            expect("running CRC", f"{found.crc:08x}", f"{state_crc(step, content):08x}")
        return LayerState(step, content)

    @property
    def _room(self) -> int:
        return self.probe.info.most_payload - STATE_HEAD.size


def lay(probe: Probe) -> Laid:
    """Begin a session with the layer laid on the dies, which is done once."""
    probe.begin()
    image = small_layer(probe.info)
    if not probe.is_laid:
        probe.call(probe.request(Operation.CONFIG, image.config.encode()))
        each = probe.info.most_payload // probe.info.units
        for memory in image.memories:
            for first in range(0, len(memory.rows), each):
                content = memory.rows[first : first + each].tobytes()
                at = address(memory.region, first)
                probe.call(probe.request(Operation.WRITE, content, die=memory.die, at=at))
        probe.is_laid = True
    return Laid(probe, image, known_answer(image.weights, image.tiling))


def refusal(probe: Probe, request: Frame, due: StateRefusal) -> None:
    """See that a request is refused with STATE, for this reason."""
    reply = probe.call(request, Status.STATE)
    expect("in the payload of STATE", StateRefusal.decode(reply.payload), due)
