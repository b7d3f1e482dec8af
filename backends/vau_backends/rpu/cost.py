"""What a chunk costs: its frames go through the chip together, and share the price.

A call of no more than ``CHUNK_FRAMES`` frames of each stream is one chunk; a longer one costs
the sum of its chunks. The closed forms are docs/rpu-spec-0.md, sections 6 and 7. All of it is
estimated.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate

from vau.backend import Cost, Energy
from vau.model import Network
from vau_backends.rpu import constants
from vau_backends.rpu.cycles import Actions, Chunk
from vau_backends.rpu.energy import METHOD, Account, Rates
from vau_backends.rpu.form import Form, chips_for_residency


class CostModel:
    """What a network costs on one chip.

    The output layer is left out, as of every accelerator here: the publication speaks of LSTM,
    and who compares two of them compares the same work. ``head`` has it: a hundredth of the
    reference network's time and energy.
    """

    def __init__(
        self,
        network: Network,
        form: Form,
        clock_hz: float | None = None,
        *,
        dram_bytes_per_s: float | None = None,
        rates: Rates | None = None,
        reuse_energy_credit: bool = False,
    ) -> None:
        """Take what is carried and how; None stands for the numbers of ``constants.py``.

        reuse_energy_credit: charge a bank once for a weight that serves many frames, as one
                             could hope for. It goes beyond the publication.
        Raises ValueError for a clock or bandwidth outside ``vau.estimate.RATES``.
        """
        self.network = network
        self.form = form
        self.clock_hz = constants.CLOCK.value if clock_hz is None else clock_hz
        self.dram_bytes_per_s = (
            constants.DRAM_BANDWIDTH.value if dram_bytes_per_s is None else dram_bytes_per_s
        )
        self.rates = rates or Rates()
        self.reuse_energy_credit = reuse_energy_credit
        alone = self.account(Chunk((1,)))
        self._alone = alone, self._energies(alone)

    @cached_property
    def is_beyond_publication(self) -> bool:
        """Whether the published design would have to be another one for these figures.

        That is another clock than the calibrated, reads that are shared, or more resident
        weights than one chip has memory for. Energies are extrapolated without any of these:
        they are calibrated for the dense kernel, which is no network.
        """
        chips = chips_for_residency(self.network) if self.form.residency == "resident" else 1
        off_the_clock = self.clock_hz != constants.CLOCK.value
        return off_the_clock or self.reuse_energy_credit or chips > 1

    def account(self, chunk: Chunk) -> Account:
        """Count what all LSTM layers do for a chunk."""
        actions = Actions.of(
            self.network, self.form, chunk, reuses_reads=self.reuse_energy_credit
        )
        return self._account(actions)

    def head(self, frames: int) -> Account:
        """Count what the output layer does, apart from the rest.

        Its joules are ``active_j``: what the chip leaks meanwhile counts as idle.
        """
        return self._account(Actions.of_head(self.network, frames))

    def of(self, lengths: Sequence[int]) -> list[Cost]:
        """Return the cost of each work of a chunk.

        lengths: frames of each, 0 to CHUNK_FRAMES; a work without frames costs nothing.
        Returns  equal shares for all frames, so that the works sum to the chunk; but a frame
                 is in the chip for as long as its chunk.
        Raises   ValueError for other lengths.
        """
        chunk = Chunk(tuple(lengths))
        whole = self.account(chunk)
        energies = self._energies(whole)
        cycles = _shares(whole.actions.cycles, lengths)
        memory_bytes = _shares(whole.actions.dram_bytes, lengths)
        return [
            Cost(
                cycles=next(cycles),
                device_s=frames * whole.latency_s,
                energies=_scaled(energies, frames / max(chunk.frames, 1)),
                memory_bytes=next(memory_bytes),
                unshared=self._unshared(frames),
            )
            for frames in lengths
        ]

    def _unshared(self, frames: int) -> Cost:
        """Return what frames cost that come one by one, each in a chunk of its own."""
        account, energies = self._alone
        return Cost(
            cycles=frames * account.actions.cycles,
            device_s=frames * account.latency_s,
            energies=_scaled(energies, frames),
            memory_bytes=frames * account.actions.dram_bytes,
        )

    def _account(self, actions: Actions) -> Account:
        return Account(
            actions=actions,
            rates=self.rates,
            clock_hz=self.clock_hz,
            dram_bytes_per_s=self.dram_bytes_per_s,
        )

    def _energies(self, account: Account) -> tuple[Energy, ...]:
        """Return what an account spends: the system first, which counts, then the core."""
        core = Energy(
            joules=account.core_j,
            origin="estimated",
            boundary="core",
            method=METHOD,
            parts=account.core_parts,
            extrapolated=True,  # calibrated is the dense kernel, which no network is
        )
        parts = account.system_parts
        return replace(core, joules=account.system_j, boundary="system", parts=parts), core


def _scaled(energies: Iterable[Energy], share: float) -> tuple[Energy, ...]:
    return tuple(
        Energy(  # not ``replace``, which takes four times as long
            joules=share * energy.joules,
            origin=energy.origin,
            boundary=energy.boundary,
            method=energy.method,
            parts=tuple((name, share * joules) for name, joules in energy.parts),
            extrapolated=energy.extrapolated,
        )
        for energy in energies
    )


def _shares(total: int, lengths: Sequence[int]) -> Iterator[int]:
    """Divide a whole number among frames: whole shares that sum to it, fair to within one."""
    frames, given = max(sum(lengths), 1), 0
    for so_far in accumulate(lengths):
        due = total * so_far // frames
        yield due - given
        given = due
