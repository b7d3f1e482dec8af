"""What the chip does for one chunk: cycles by phase, and actions by kind.

A chunk is at most ``CHUNK_FRAMES`` frames of each stream of one call; a longer call is several
chunks. The closed forms are docs/rpu-spec-0.md, section 6. Energy is computed from the actions
and from nothing else; see ``energy.py``. That the same cycles come out when every operation is
given its place is the subject of ``schedule/``.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Final, Self

from vau.model import Network
from vau_backends.rpu.form import (
    CLUSTERS,
    GATES,
    LANES,
    SRAM_BYTES,
    UNITS_PER_TILE,
    WEIGHT_BYTES,
    Form,
    ceil_div,
    layer_inputs,
    weight_bytes,
)

ELEMENT_LANES: Final = 4  # neurons that the element-wise pipeline takes a cycle
ELEMENT_STAGES: Final = 8  # cycles from there to the new h
DRAIN_CYCLES: Final = 4  # from the last product to a sum with its bias
TILE_ISSUE_CYCLES: Final = UNITS_PER_TILE // ELEMENT_LANES  # allotted to every tile
TAIL_CYCLES: Final = DRAIN_CYCLES + TILE_ISSUE_CYCLES + ELEMENT_STAGES  # 20

CHUNK_FRAMES: Final = 16
"""The most frames of a stream in a chunk, which are expanded over time at once. It is our
choice: beyond it W is no longer what costs. Whether the chip has room for the sums that wait is
reported, not enforced."""

OPERATIONS_PER_MAC: Final = 2  # a multiplication and an addition, and nothing else is counted
SUM_BYTES: Final = 6  # 48 bits
ROW_BYTES: Final = 8  # 64 bits of a bank: four weights


@dataclass(frozen=True)  # without slots: it keeps what it has counted
class Chunk:
    """The frames of one call that go through the chip together."""

    lengths: tuple[int, ...]
    """Frames of each stream. In step t all streams with more than t frames take part."""

    def __post_init__(self) -> None:
        for length in (min(self.lengths, default=0), self.steps):
            if not 0 <= length <= CHUNK_FRAMES:
                raise ValueError(
                    f"lengths: {length} frames of a stream are no chunk, which has 0 to "
                    f"{CHUNK_FRAMES} of each; make several chunks of a longer call"
                )

    @classmethod
    def even(cls, steps: int, streams: int) -> Self:
        """Take as many frames of each stream."""
        return cls((steps,) * streams)

    @cached_property
    def frames(self) -> int:
        """Frames of all streams."""
        return sum(self.lengths)

    @cached_property
    def steps(self) -> int:
        """Frames of the longest stream: how often the recurrent weights are needed."""
        return max(self.lengths, default=0)

    def live(self, step: int) -> list[int]:
        """Return the streams that have a frame in this step."""
        return [stream for stream, length in enumerate(self.lengths) if length > step]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCycles:
    """Where the cycles go that one layer takes for a chunk."""

    input_mac: int
    """``W x``: one x a cycle goes to all lanes."""

    recurrent_mac: int
    """``U h``, likewise."""

    exposed: int
    """No lane multiplies: the element-wise work that nothing hides."""

    @classmethod
    def of(cls, hidden: int, inputs: int, form: Form, chunk: Chunk) -> Self:
        """Count one layer."""
        tiles = _tiles(hidden, form) * chunk.frames
        exposed = chunk.steps * TAIL_CYCLES
        if form.schedule == "serial":
            issue = ceil_div(hidden, ELEMENT_LANES)
            exposed = chunk.frames * (DRAIN_CYCLES + issue + ELEMENT_STAGES)
        return cls(input_mac=tiles * inputs, recurrent_mac=tiles * hidden, exposed=exposed)

    @property
    def multiplying(self) -> int:
        """Cycles in which lanes multiply; each of them takes one broadcast."""
        return self.input_mac + self.recurrent_mac

    @property
    def total(self) -> int:
        """All its cycles."""
        return self.multiplying + self.exposed

    def by_phase(self) -> tuple[tuple[str, int], ...]:
        """Return the phases by name."""
        return tuple(asdict(self).items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """How often each thing happens. Padding counts as cycles and broadcasts, not as MACs."""

    cycles: int = 0
    """In which the chip is clocked; it is not while it waits for DRAM."""

    macs: int = 0
    """Multiply-accumulates with the network's weights."""

    weight_reads: int = 0
    """Weights read from their bank."""

    broadcasts: int = 0
    """Activations sent to all lanes."""

    neuron_steps: int = 0
    """Neurons brought from their four sums to a new h."""

    dram_bytes: int = 0
    """Weights from outside the chip."""

    rows_filled: int = 0
    """Rows of a bank written with them."""

    @classmethod
    def of_layer(
        cls, hidden: int, inputs: int, form: Form, chunk: Chunk, *, reuses_reads: bool = False
    ) -> Self:
        """Count one layer.

        reuses_reads: whether what is read from a bank serves all frames that can share it. It
                      goes beyond the publication: see ``reuse_energy_credit`` of CostModel.
        """
        cycles = LayerCycles.of(hidden, inputs, form, chunk)
        macs = GATES * hidden * (inputs + hidden) * chunk.frames
        fetched = _fetched_weights(hidden, inputs, form, chunk)
        dram_bytes = WEIGHT_BYTES * fetched if form.residency == "streamed" else 0
        return cls(
            cycles=cycles.total,
            macs=macs,
            weight_reads=fetched if reuses_reads else macs,
            broadcasts=cycles.multiplying,
            neuron_steps=hidden * chunk.frames,
            dram_bytes=dram_bytes,
            rows_filled=dram_bytes // ROW_BYTES,  # 8 bytes a column of four gates: no rest
        )

    @classmethod
    def of(
        cls, network: Network, form: Form, chunk: Chunk, *, reuses_reads: bool = False
    ) -> Self:
        """Count all LSTM layers, one behind the other."""
        return cls.sum_of(
            cls.of_layer(network.hidden, inputs, form, chunk, reuses_reads=reuses_reads)
            for inputs in layer_inputs(network)
        )

    @classmethod
    def of_head(cls, network: Network, frames: int) -> Self:
        """Count the output layer, whose softmax is the host's; it is reported apart."""
        rows = ceil_div(network.classes, LANES)
        macs = network.classes * network.hidden * frames
        return cls(
            cycles=(rows * network.hidden + DRAIN_CYCLES) * frames,
            macs=macs,
            weight_reads=macs,
            broadcasts=rows * network.hidden * frames,
        )

    @classmethod
    def of_dense_kernel(cls, cycles: int = 1) -> Self:
        """Count an endless product of matrix and vector: all lanes in all cycles."""
        macs = LANES * cycles
        return cls(cycles=cycles, macs=macs, weight_reads=macs, broadcasts=cycles)

    @classmethod
    def sum_of(cls, parts: Iterable[Self]) -> Self:
        """Add up what follows upon each other."""
        found = list(parts)
        names = (each.name for each in fields(cls))
        return cls(**{name: sum(getattr(part, name) for part in found) for name in names})

    @property
    def operations(self) -> int:
        """Multiplications and additions, as the publication is taken to count them."""
        return OPERATIONS_PER_MAC * self.macs

    @property
    def utilisation(self) -> float:
        """Share of the lanes' clocked cycles in which they multiply a weight of the network."""
        return self.macs / (LANES * self.cycles) if self.cycles else 0.0

    def by_name(self) -> tuple[tuple[str, int], ...]:
        """Return the counts by name."""
        return tuple(asdict(self).items())


def peak_sram_bytes(network: Network, form: Form, chunk: Chunk) -> int:
    """Return the bytes that a chunk needs at a time; more than SRAM_BYTES do not fit a chip.

    They are the weights, of streamed ones what the chip can hold, and the sums ``W x`` of all
    frames of a layer, which wait for their ``U h``; the serial schedule has one frame's.
    """
    weights = weight_bytes(network)
    if form.residency == "streamed":
        weights = min(weights, SRAM_BYTES)
    waiting = min(chunk.frames, 1) if form.schedule == "serial" else chunk.frames
    return weights + GATES * network.hidden * waiting * SUM_BYTES


def _tiles(hidden: int, form: Form) -> int:
    """Return how often every input of a frame is broadcast."""
    if form.schedule == "serial":
        return GATES * ceil_div(hidden, CLUSTERS * UNITS_PER_TILE)
    return ceil_div(hidden, UNITS_PER_TILE)


def _fetched_weights(hidden: int, inputs: int, form: Form, chunk: Chunk) -> int:
    """Count the weights that one layer must be handed for a chunk.

    Hybrid: W once a chunk, U once a step, whatever the streams. Serial: all, every frame.
    """
    if form.schedule == "serial":
        return GATES * hidden * (inputs + hidden) * chunk.frames
    return GATES * hidden * (inputs * min(chunk.steps, 1) + hidden * chunk.steps)
