"""A network laid out on the chip: what follows from its cycles, one call after the other.

What a call takes is counted in ``cycles.py`` and ``energy.py``. From it follows here what a
frame takes, and how many live streams there may be. Times are fractions, as in
``vau.estimate.live``: where memory or clock is just fast enough, no stream is lost.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from vau.estimate import Ask, Stage, Status, Verdict, budget_cycles, hop_cycles, verdict_of
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.cycles import Chunk, peak_sram_bytes
from vau_backends.rpu.energy import Account
from vau_backends.rpu.form import Form, chips_for_residency


@dataclass(frozen=True, kw_only=True)
class LaidOut:
    """What an ask comes to on its chip: calls of one chunk, some frames of each stream.

    A *step* is one frame of each stream; a chunk has one or several of them.
    """

    ask: Ask
    accelerator: str
    """``kind:instance``."""

    form: Form
    costs: CostModel
    stages: tuple[Stage, ...]

    @property
    def clock_hz(self) -> float:
        """Clock of the chip."""
        return self.costs.clock_hz

    @cached_property
    def chunk(self) -> Chunk:
        """The frames of one call."""
        return Chunk.even(self.ask.chunk_frames, self.ask.streams)

    @cached_property
    def account(self) -> Account:
        """What one call takes."""
        return self.costs.account(self.chunk)

    @property
    def chips(self) -> int:
        """Chips whose memory the weights fill if they are resident; else one does it."""
        resident = self.form.residency == "resident"
        return chips_for_residency(self.ask.network) if resident else 1

    @property
    def peak_bytes(self) -> int:
        """Memory that a chunk needs: weights, and sums that wait."""
        return peak_sram_bytes(self.ask.network, self.form, self.chunk)

    @property
    def energy_status(self) -> Status:
        """On what energies and powers rest, at either boundary.

        They come from the fit; but streamed weights have to be waited for, which leaks, and
        to be taken in, and both follow from the DRAM and the energy of a row, which are ours.
        """
        return "assumed" if self.account.actions.dram_bytes else "extrapolated"

    @property
    def step_cycles(self) -> int:
        """Cycles in which the chip works, for one frame of each stream."""
        return self.account.actions.cycles // self.ask.chunk_frames  # alike in every step

    @property
    def step_s(self) -> float:
        """Seconds of a call for each of its steps."""
        return self.account.latency_s / self.ask.chunk_frames

    @property
    def period_s(self) -> float:
        """Seconds from one call to the next, at the pace of live audio."""
        return self.ask.chunk_frames / self.ask.frame_hz

    @property
    def duty(self) -> float:
        """Share of the time in which a call is under way; above 1 it cannot keep up."""
        return self.account.latency_s / self.period_s

    def a_frame(self, of_chunk: float) -> float:
        """Return the share of one frame of one stream."""
        return of_chunk / self.chunk.frames

    def idle_j(self, *, power_gated: bool = False) -> float:
        """Return what the chip leaks between two calls, shared by the frames of one."""
        leaked_j = self.account.idle_j(self.period_s, power_gated=power_gated)
        return self.a_frame(leaked_j)

    # --- live streams, in cycles of the clock ---------------------------------------------

    @property
    def verdict(self) -> Verdict:
        """Whether all frames are answered in time. A chunk is gathered before it is called."""
        keeps_up = self._cycles(self.account) <= self._period_cycles
        return verdict_of(self._delay_cycles if keeps_up else None, self.clock_hz)

    @property
    def delay_s(self) -> float:
        """Age of a chunk's oldest frame at its answer, if the chip is free for it."""
        return float(self._delay_cycles) / self.clock_hz

    @property
    def streams_unbatched(self) -> int:
        """Streams that never fall behind if each has calls of its own."""
        return int(self._period_cycles // self._cycles(self._of_streams(1)))

    @property
    def streams_by_pace(self) -> int:
        """Streams that never fall behind if they share each call."""
        return self._most_streams(self._period_cycles)

    @property
    def streams_in_time(self) -> int:
        """Streams that share each call and are answered within the budget of a frame."""
        return self._most_streams(budget_cycles(self.clock_hz) - self._gathering_cycles)

    @property
    def _period_cycles(self) -> Fraction:
        return self.ask.chunk_frames * hop_cycles(self.ask, self.clock_hz)

    @property
    def _gathering_cycles(self) -> Fraction:
        return (self.ask.chunk_frames - 1) * hop_cycles(self.ask, self.clock_hz)

    @property
    def _delay_cycles(self) -> Fraction:
        return self._gathering_cycles + self._cycles(self.account)

    def _of_streams(self, streams: int) -> Account:
        return self.costs.account(Chunk.even(self.ask.chunk_frames, streams))

    def _cycles(self, account: Account) -> Fraction:
        """Return the cycles of a call, waiting included."""
        return max(Fraction(account.actions.cycles), self._dram_cycles(account))

    def _dram_cycles(self, account: Account) -> Fraction:
        seconds = Fraction(account.actions.dram_bytes) / Fraction(account.dram_bytes_per_s)
        return seconds * Fraction(self.clock_hz)

    def _most_streams(self, cycles: Fraction) -> int:
        """Return how many streams a call may have that takes no longer than this."""
        one, two = self._of_streams(1), self._of_streams(2)
        if self._cycles(one) > cycles:
            return 0
        # Cycles, and bytes if there are more for more streams, grow by the same for each.
        growths = (
            (Fraction(one.actions.cycles), Fraction(two.actions.cycles)),
            (self._dram_cycles(one), self._dram_cycles(two)),
        )
        return 1 + min(
            int((cycles - first) // (second - first))
            for first, second in growths
            if second > first
        )
