"""What is worth comparing with an ask: chunks, streams, residencies, bandwidths and clocks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from vau.estimate import Ask, is_rate

COMPARED_FRAMES: Final = (1, 4, 8, 16)
COMPARED_STREAMS: Final = (1, 4, 8, 20, 32)
COMPARED_BANDWIDTHS: Final = (0.5, 1.0, 2.0, 4.0)  # times what is asked for
COMPARED_CLOCKS: Final = (0.5, 1.0)  # likewise; more would pass the published throughput


def neighbours(ask: Ask, clock_hz: float, dram_bytes_per_s: float) -> list[Ask]:
    """List asks around one, and itself; none at a rate that cannot be asked for.

    clock_hz, dram_bytes_per_s: what it comes to, asked for or not.
    """
    named = replace(ask, operating_point="", residency=None)
    return [*_resident(named, clock_hz), *_streamed(named, clock_hz, dram_bytes_per_s)]


def _resident(ask: Ask, clock_hz: float) -> Iterator[Ask]:
    """Yield clocks and streams; a chunk would delay answers, and has no weights to share."""
    instance = _instance(ask, "resident")
    for own_hz in _rates("clock_hz", clock_hz, COMPARED_CLOCKS):
        for streams in sorted({*COMPARED_STREAMS, ask.streams}):
            yield replace(
                ask,
                instance=instance,
                dram_bytes_per_s=None,
                clock_hz=own_hz,
                chunk_frames=1,
                streams=streams,
            )


def _streamed(ask: Ask, clock_hz: float, bandwidth: float) -> Iterator[Ask]:
    """Yield other bandwidths at the clock asked for, and other clocks at that bandwidth."""
    instance = _instance(ask, "streamed")
    bandwidths = _rates("dram_bytes_per_s", bandwidth, COMPARED_BANDWIDTHS)
    hardware = dict.fromkeys(
        (
            *((each, clock_hz) for each in bandwidths),
            *((bandwidth, each) for each in _rates("clock_hz", clock_hz, COMPARED_CLOCKS)),
        )
    )
    for dram_bytes_per_s, own_hz in hardware:
        for frames in sorted({*COMPARED_FRAMES, ask.chunk_frames}):
            for streams in sorted({*COMPARED_STREAMS, ask.streams}):
                yield replace(
                    ask,
                    instance=instance,
                    dram_bytes_per_s=dram_bytes_per_s,
                    clock_hz=own_hz,
                    chunk_frames=frames,
                    streams=streams,
                )


def _rates(name: str, asked: float, times: Sequence[float]) -> list[float]:
    """List multiples of what is asked for, as far as a field takes them."""
    return [each * asked for each in times if is_rate(name, each * asked)]


def _instance(ask: Ask, residency: str) -> str:
    """Return the instance asked for with another residency, its knobs kept."""
    return residency + "".join(ask.instance.partition("+")[1:])
