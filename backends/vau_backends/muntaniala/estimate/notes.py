"""What has to be said beside Muntaniala's figures."""

from collections.abc import Iterator
from typing import Final

from vau.estimate import Ask, megahertz
from vau_backends.muntaniala import constants
from vau_backends.muntaniala.cost import CALIBRATED_CLOCK_HZ, CostModel
from vau_backends.muntaniala.estimate.laid_out import Reloading

ROUNDING: Final = (
    "This is the published board: 330 µs, 9.0 mW and 2.95 µJ. 9.0 mW for 330 µs would be "
    "2.97 µJ; the three agree if 8.95 mW was rounded up to 9.0 and 2.954 µJ down to 2.95."
)


def notes(ask: Ask, costs: CostModel, reloading: Reloading | None) -> Iterator[str]:
    """Yield what has to be said beside the figures."""
    clock, fastest_hz = megahertz(costs.clock_hz), constants.FASTEST_CLOCK.value
    if costs.is_calibrated and reloading is None:
        yield ROUNDING
    if not costs.has_calibrated_layers:
        yield (
            "Cycles and energy are fitted to 192 units on 2x2 dies; this network on these "
            "dies is extrapolated, and no published figure confirms it."
        )
    if costs.clock_hz != CALIBRATED_CLOCK_HZ:
        own = megahertz(costs.clock_hz, beside_hz=CALIBRATED_CLOCK_HZ)
        yield (
            f"Energy was calibrated at {megahertz(CALIBRATED_CLOCK_HZ)}. At {own} it is taken "
            "as the same per cycle, though the voltage would be another, which was not "
            "published."
        )
    if costs.clock_hz > fastest_hz:
        yield (
            f"{clock} is beyond {fastest_hz / 1e6:.4g} MHz, the fastest clock that follows "
            "from a publication: no die was seen to run at it."
        )
    if ask.network.peephole:
        yield "What peepholes add to cycles and energy is not counted, only their memory."
    if ask.streams > 1:
        yield "Changing from one stream's state to another's is taken to cost nothing."
    if reloading is not None:
        yield from _notes_of_turns(ask, reloading)
    yield (
        "The output layer, the features and the host are not counted, nor is what stays on "
        "while dies are gated."
    )


def _notes_of_turns(ask: Ask, reloading: Reloading) -> Iterator[str]:
    yield "Whether the chip was ever used with fewer dies than tiles is not documented."
    if reloading.frames_per_pass is None:
        yield (
            "It never keeps up: the frames alone take all the time. Ask for a faster clock, "
            "fewer streams, or a die for every tile. Energies are of one frame a pass."
        )
    if ask.dies is not None and ask.dies > reloading.dies:
        yield f"{ask.dies - reloading.dies} of the {ask.dies} dies stay idle."
