"""Hybrid network expansion: every operation of a chunk, on its component, in its cycle.

A network over some frames of some streams is partitioned into the operations of
``operations.py``, recombined tile by tile, and placed. The expansion is

- spatial: the four gates of 32 units side by side, one broadcast for all of them;
- over time: ``W x`` of all frames of a chunk before any ``U h``, so that W is read once;
- over streams: a tile of U serves all streams of a step before the next tile is read.

``U h`` of a step has to wait for h of the one before. Element-wise work of a tile goes on
under the products of the next; behind the last tile of a step nothing hides it. There a full
tile's time is allotted, so after a last tile with fewer units the chip waits.

Each operation is put behind those it needs: that this comes to the closed form of
``cycles.py`` is tested, not assumed. ``machine.py`` executes it on integers.

Ref: doi:10.1109/SiPS.2017.8110011 names the idea; the mapping is docs/rpu-spec-0.md,
     section 6, and ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from vau.model import Network
from vau.timeline import Timeline
from vau_backends.rpu.constants import CLOCK, DRAM_BANDWIDTH
from vau_backends.rpu.cycles import (
    DRAIN_CYCLES,
    ELEMENT_LANES,
    ELEMENT_STAGES,
    TAIL_CYCLES,
    Actions,
    Chunk,
)
from vau_backends.rpu.energy import Account
from vau_backends.rpu.form import LANES, UNITS_PER_TILE, Form, layer_inputs
from vau_backends.rpu.schedule.operations import (
    ADDER_TREES,
    ALL_GATES,
    MAC_CLUSTERS,
    PIPELINE,
    Kind,
    Operation,
    Turn,
    parts,
)
from vau_backends.rpu.schedule.tracks import spans_of

Arrange = Callable[[list[range]], Sequence[range]]
"""Puts the tiles of a layer into the order in which they are to be computed."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A chunk, laid out."""

    operations: tuple[Operation, ...]
    """Those of one component are in their order of time."""

    cycles: int
    """Until the last of them is over, and the time that was allotted to it."""


def expand(network: Network, form: Form, chunk: Chunk, arrange: Arrange = list) -> Expansion:
    """Place every operation of a chunk.

    arrange: changes neither the cycles nor the bits.
    """
    plan, place = _Plan(), _serial if form.schedule == "serial" else _hybrid
    width = LANES if form.schedule == "serial" else UNITS_PER_TILE
    tiles = arrange(parts(range(network.hidden), width))
    for layer, inputs in enumerate(layer_inputs(network)):
        place(_Layer(layer, inputs, network.hidden, tiles), chunk, plan)
    return Expansion(tuple(plan.operations), plan.now)


def timeline(
    network: Network,
    form: Form,
    *,
    chunk_frames: int,
    streams: int,
    clock_hz: float = CLOCK.value,
    dram_bytes_per_s: float = DRAM_BANDWIDTH.value,
) -> Timeline:
    """Show one chunk: what each component does in which cycle.

    chunk_frames: 1 to CHUNK_FRAMES, of each of one or more streams.
    Raises ValueError if there is nothing to show, for more frames than a chunk has, and for a
           clock or bandwidth that cannot be estimated.
    """
    chunk = Chunk.even(chunk_frames, streams)
    if not chunk.frames:
        raise ValueError(
            f"chunk_frames={chunk_frames}, streams={streams}: a chunk that is shown has at "
            "least one frame"
        )
    account = Account(
        actions=Actions.of(network, form, chunk),
        clock_hz=clock_hz,
        dram_bytes_per_s=dram_bytes_per_s,
    )
    laid_out = expand(network, form, chunk)
    title = (
        f"rpu:{form}: {network.layers} x {network.hidden} units, {network.inputs} inputs; a "
        f"chunk of {chunk_frames} frame{'s' * (chunk_frames > 1)} of {streams} "
        f"stream{'s' * (streams > 1)}"
    )
    spans = spans_of(laid_out.operations, laid_out.cycles, account)
    return Timeline(title=title, clock_hz=clock_hz, spans=tuple(spans))


class _Layer(NamedTuple):
    number: int
    inputs: int
    hidden: int
    tiles: Sequence[range]


@dataclass(slots=True)
class _Plan:
    """What has been placed, and where the multipliers are free again."""

    operations: list[Operation] = field(default_factory=list)
    now: int = 0

    def multiply(
        self, kind: Kind, turn: Turn, cycles: int, shares: Sequence[tuple[int, range]]
    ) -> None:
        """Broadcast so many inputs; each cluster in turn has a share: its gate and units."""
        for cluster, (gate, units) in zip(MAC_CLUSTERS, shares, strict=False):
            place = kind, cluster, turn, self.now, cycles, units
            self.operations.append(Operation(*place, (gate,)))
        self.now += cycles

    def join(self, turn: Turn, units: range, gates: tuple[int, ...] = ALL_GATES) -> None:
        """Add up what the multipliers just ended with; they may go on."""
        place = ADDER_TREES, turn, self.now, DRAIN_CYCLES, units
        self.operations.append(Operation("sum and bias", *place, gates))

    def finish(self, turn: Turn, units: range) -> None:
        """Take units through the element-wise pipeline, behind the sums that just began."""
        start, issues = self.now + DRAIN_CYCLES, len(parts(units, ELEMENT_LANES))
        for kind, component, cycles in PIPELINE:
            place = component, turn, start, issues - 1 + cycles, units
            self.operations.append(Operation(kind, *place))
            start += cycles


def _hybrid(layer: _Layer, chunk: Chunk, plan: _Plan) -> None:
    """Place a layer, the four gates of a tile side by side."""
    steps = [
        [Turn(layer.number, step, stream) for stream in chunk.live(step)]
        for step in range(chunk.steps)
    ]
    for tile, turns in product(layer.tiles, steps):
        for turn in turns:
            plan.multiply("W x", turn, layer.inputs, [(gate, tile) for gate in ALL_GATES])
    for turns in steps:
        for tile, turn in product(layer.tiles, turns):
            plan.multiply("U h", turn, layer.hidden, [(gate, tile) for gate in ALL_GATES])
            plan.join(turn, tile)
            plan.finish(turn, tile)
        plan.now += TAIL_CYCLES  # the next step needs all of h; a short tile waits


def _serial(layer: _Layer, chunk: Chunk, plan: _Plan) -> None:
    """Place a layer frame by frame and gate by gate, each over all lanes."""
    units = range(layer.hidden)
    for step in range(chunk.steps):
        for stream in chunk.live(step):
            turn = Turn(layer.number, step, stream)
            for gate, tile in product(ALL_GATES, layer.tiles):
                shares = [(gate, part) for part in parts(tile, UNITS_PER_TILE)]
                plan.multiply("W x", turn, layer.inputs, shares)
                plan.multiply("U h", turn, layer.hidden, shares)
                plan.join(turn, tile, (gate,))
            plan.finish(turn, units)
            plan.now += DRAIN_CYCLES + len(parts(units, ELEMENT_LANES)) + ELEMENT_STAGES
