"""The kernel of the RPU, a frame of the shipped network, against torch and onnxruntime.

    ./run bench rpu [--speech FILE-OR-FOLDER...] [--json]

Timed as in ``./run bench kernel``, whose sides and rules these are: a call takes normalised
float32 features, rounds them to 16 bits, carries the streams' states on, and gives logits. All
tiers of this machine take turns with float32 peers, the nearest to 16 bits that there is;
before anything is timed the tiers must give each other's bits, and the peers the float
backend's posteriors.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.bench._agreement import NotTheSame, Yardstick
from tests.bench._engines import Advance, Engine, Floats, streams_first
from tests.bench._measure import (
    Times,
    host,
    report,
    stay_on_one_core,
    take_long_turns,
    times_faster,
)
from tests.bench._peers import peers
from tests.bench._speech import read_speech, tape
from vau.errors import VauError
from vau.model import Model, find_model
from vau_backends.rpu.fixedpoint import to_s16
from vau_backends.rpu.form import INPUT_FRACTION_BITS
from vau_backends.rpu.kernel import States, choose, open_kernel, tiers
from vau_backends.rpu.weights import from_model

MODEL: Final = "munt-3x384"
CASES: Final = ((1, 1), (1, 8), (1, 32), (10, 1), (10, 32))
"""Frames of a call, and streams."""

PEERS: Final = ("torch_fp32_default", "torch_fp32_without_mkldnn", "ort_fp32")
ROUNDS: Final = 9
WARM_S: Final = 0.1
TURN_S: Final = 0.025


def engine_on(tier: str, model: Model) -> Engine:
    """Return the network on a tier; its calls are float32, and rounded within the call."""
    kernel, shape = open_kernel(from_model(model, INPUT_FRACTION_BITS), tier), model.network

    def start(streams: int) -> Advance:
        states, rows = States.zero(streams, shape.layers, shape.hidden), range(streams)

        def advance(z: Floats) -> NDArray[np.int32]:
            _, frames, inputs = z.shape
            x = to_s16(z, INPUT_FRACTION_BITS).reshape(streams * frames, inputs)
            return kernel.run(x, [frames] * streams, states, rows).logits.reshape(
                streams, frames, -1
            )

        return advance

    return Engine(start=start, arrange=streams_first, read=lambda logits: logits)


def row(case: tuple[int, int], took_us: Mapping[str, Times], tier: str) -> dict[str, object]:
    """Sum up what the turns at one case took; ratios are the others' time over ours."""
    ratios = {name: times_faster(took_us[tier], took_us[name]) for name in took_us}
    return {
        "frames": case[0],
        "streams": case[1],
        "us": {name: round(float(np.median(times)), 2) for name, times in took_us.items()},
        "us_p99": round(float(np.percentile(took_us[tier], 99)), 2),
        "vs": {name: ratio for name, (ratio, _) in ratios.items()},
        "vs_spread": {name: spread for name, (_, spread) in ratios.items()},
    }


def arguments() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="./run bench rpu")
    parser.add_argument(
        "--speech",
        nargs="+",
        type=Path,
        required=True,
        help="audio files, or folders of them; unless given, the clip of ./run demo",
    )
    parser.add_argument("--json", action="store_true", help="the JSON line alone, no table")
    return parser.parse_args()


def show(tier: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print what a person would look for, to stderr."""
    for each in rows:
        print(
            each["frames"], each["streams"], tier, each["us"], "vs", each["vs"], file=sys.stderr
        )


def main() -> None:
    """Read speech, check that the same is compared, take turns, report."""
    asked, model, tier = arguments(), find_model(MODEL), choose()
    stay_on_one_core()
    others = {name: engine for name, engine in peers(model).items() if name in PEERS}
    ours = {name: engine_on(name, model) for name in tiers()}
    try:
        speech = read_speech(asked.speech, 1, model)
        yardstick = Yardstick.of(speech, model)
        yardstick.check_bits(ours)
        yardstick.differences(others)
        agreement = yardstick.agreements({tier: ours[tier]})[tier]
    except (VauError, FileNotFoundError, NotTheSame) as cause:
        raise SystemExit(f"bench rpu: {cause}") from cause
    rows = []
    for frames, streams in CASES:
        heard = tape(speech, frames, streams)
        sides = {name: engine.side(heard) for name, engine in {**ours, **others}.items()}
        took_us = take_long_turns(sides, rounds=ROUNDS, warm_s=WARM_S, turn_s=TURN_S)
        took_us = {name: times / (frames * streams) for name, times in took_us.items()}
        rows.append(row((frames, streams), took_us, tier))
    if not asked.json:
        show(tier, rows)
    report(
        bench="rpu",
        tier=tier,
        rows=rows,
        same_phone_as_float_share=agreement,
        model=model.name,
        rounds=ROUNDS,
        threads=1,
        clock="cpu",
        host=host("numpy", "torch", "onnx", "onnxruntime"),
    )


if __name__ == "__main__":
    main()
