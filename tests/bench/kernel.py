"""The kernel of Muntaniala, a frame of the shipped network, against torch and onnxruntime.

    ./run bench kernel [--speech FILE-OR-FOLDER...] [--json]

Timed, for all alike: one call that takes normalised float32 features of ``frames`` frames of
``streams`` streams, carries the streams' states on, and gives logits, numpy in and numpy out,
CPU time, one thread. Ours has to round the features to 8 bits first, and that is in its time,
as quantising is in the time of the quantised peers; ``us_without_quantising`` leaves it out.
Not timed, for any: front end, normalising, softmax. Features lie in memory as each side likes
them. The peers have the float weights of which ours were rounded; before anything is timed,
float ones must give the float backend's posteriors, quantised ones its phones, and our tiers
each other's bits.

Turns are long enough to have one's own weights in the caches. A row's ratios are their time
over ours, medians over rounds of ratios of medians. ``proven_share`` is of lanes (a frame, a
gate, a unit, a die column) that a bound cleared of saturation, over all of the speech.
``floor_us`` is a plain read of the bytes of the weights, which a call of one frame of one
stream cannot beat; ``peak_fraction``, of what AMX multiplies with nothing else to do.

By default the speech is the clip of ./run demo: seven seconds by one speaker, of which each
stream starts at a place of its own.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.bench._agreement import NotTheSame, Yardstick
from tests.bench._ceilings import Gauge, macs, multiply_gauge, read_gauge
from tests.bench._engines import Engine, kernel_on, ours, quantised, without_quantising
from tests.bench._measure import (
    Times,
    host,
    report,
    stay_on_one_core,
    take_long_turns,
    times_faster,
)
from tests.bench._peers import peers
from tests.bench._speech import Recording, read_speech, tape
from vau.errors import VauError
from vau.model import Model, find_model
from vau_backends.muntaniala.kernel import Kernel, Lanes, choose, tiers
from vau_backends.muntaniala.states import States

MODEL: Final = "munt-3x384"
CASES: Final = ((1, 1), (1, 8), (1, 32), (10, 1), (10, 32), (10, 128))
"""Frames of a call, and streams."""

GOALS: Final[Mapping[tuple[int, int], Mapping[str, float]]] = {
    (1, 1): {"torch_fp32_best": 6.0, "ort_int8": 1.3},
    (1, 8): {"torch_fp32_best": 7.0, "ort_int8": 1.1},
    (1, 32): {"torch_fp32_best": 5.5, "ort_int8": 1.1},
    (10, 1): {"torch_fp32_best": 9.0, "ort_int8": 1.2},
    (10, 32): {"torch_fp32_best": 6.0, "ort_int8": 1.1},
}
"""What the ratios of a case should reach."""

ALONE: Final = (1, 1)  # the case that the floor is for
BUSY: Final = (10, 32)  # the least of the cases that the peak is for
TORCH_MODES: Final = ("torch_fp32_default", "torch_fp32_without_mkldnn")
PEERS: Final = ("torch_fp32_default", "torch_fp32_best", "torch_int8", "ort_fp32", "ort_int8")

WARM_S: Final = 0.1  # until the 12 MB of a float peer's weights are back (measured)
TURN_S: Final = 0.025
ROUNDS: Final = 9
TIER_TURNS: Final = 4  # the other tiers take a turn every so many rounds
CHUNK_FRAMES: Final = 100  # when lanes are counted; bounds memory
RECORDINGS: Final = 64  # evenly spaced over the speech if there are more


@dataclass(frozen=True, slots=True)
class Field:
    """All that takes turns."""

    model: Model
    kernel: Kernel
    tiers: Mapping[str, Engine]
    """The other tiers of this machine."""

    peers: Mapping[str, Engine]

    @classmethod
    def of_this_machine(cls, tier: str) -> "Field":
        """Load the network into everything."""
        model = find_model(MODEL)
        others = {
            name: ours(kernel_on(name, model), model, every=TIER_TURNS)
            for name in tiers()
            if name != tier
        }
        return cls(model, kernel_on(tier, model), others, peers(model))

    def check(self, speech: Sequence[Recording]) -> dict[str, object]:
        """Return how near they are to the float backend. Raises NotTheSame for too far."""
        yardstick = Yardstick.of(speech, self.model)
        vau = ours(self.kernel, self.model)
        yardstick.check_bits({self.kernel.tier: vau, **self.tiers})
        eight_bit = {"vau": vau} | {
            name: self.peers[name] for name in ("torch_int8", "ort_int8")
        }
        floats = {name: self.peers[name] for name in (*TORCH_MODES, "ort_fp32")}
        return {
            "largest_difference": yardstick.differences(floats),
            "same_phone_share": yardstick.agreements(eight_bit),
        }

    def times(
        self, speech: Sequence[Recording], case: tuple[int, int], gauges: Mapping[str, Gauge]
    ) -> dict[str, Times]:
        """Let everything take turns at calls of one case; microseconds per frame."""
        frames, streams = case
        heard = tape(speech, frames, streams)
        engines = {
            "vau": ours(self.kernel, self.model),
            "vau_without_quantising": without_quantising(self.kernel, self.model),
            **self.peers,
            **self.tiers,
        }
        sides = {name: engine.side(heard) for name, engine in engines.items()}
        sides |= {name: gauge.side() for name, gauge in gauges.items()}
        took_us = take_long_turns(sides, rounds=ROUNDS, warm_s=WARM_S, turn_s=TURN_S)
        return {name: took_us[name] / (frames * streams) for name in engines}


def row(field: Field, case: tuple[int, int], took_us: Mapping[str, Times]) -> dict[str, object]:
    """Sum up what the turns at one case took."""
    medians = {name: round(float(np.median(times)), 2) for name, times in took_us.items()}
    best = min(TORCH_MODES, key=medians.__getitem__)
    of_peer = {**took_us, "torch_fp32_best": took_us[best]}
    ratios = {name: times_faster(took_us["vau"], of_peer[name]) for name in PEERS}
    return {
        "frames": case[0],
        "streams": case[1],
        "us": medians["vau"],
        "us_p99": round(float(np.percentile(took_us["vau"], 99)), 2),
        "us_without_quantising": medians["vau_without_quantising"],
        "us_reference_tiers": {name: medians[name] for name in field.tiers},
        "vs": {name: ratio for name, (ratio, _) in ratios.items()},
        "vs_spread": {name: spread for name, (_, spread) in ratios.items()},
        "goals": GOALS.get(case, {}),
        "torch_fp32_best_is": best,
        "us_peers": {name: medians[name] for name in field.peers},
    }


def measured(field: Field, speech: Sequence[Recording]) -> dict[str, object]:
    """Measure every case, and beside them what the machine could do at best."""
    floor = read_gauge(field.kernel, field.model)
    peak = multiply_gauge(field.kernel)
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    for case in CASES:
        gauges = {"floor": floor} if case == ALONE else {}
        if peak is not None and case >= BUSY:
            gauges["peak"] = peak
        rows[case] = row(field, case, field.times(speech, case, gauges))
    for case, found in rows.items():
        if peak is not None and case >= BUSY:
            reached = macs(field.model) / found["us"] * 1e6
            found["peak_fraction"] = round(reached / peak.median, 3)
    floor_us, alone = floor.median * 1e6, rows[ALONE]
    return {
        "rows": list(rows.values()),
        "floor_us": round(floor_us, 1),
        "floor_fraction": round(floor_us / alone["us"], 3),
        "floor_fraction_without_quantising": round(
            floor_us / alone["us_without_quantising"], 3
        ),
        "peak_fraction": rows[BUSY].get("peak_fraction"),
        "peak_gmacs_per_s": peak and round(peak.median / 1e9),
    }


def proven_share(kernel: Kernel, speech: Sequence[Recording], model: Model) -> float:
    """Return the share of lanes that no bound left doubtful, over all of the speech."""
    lanes = Lanes()
    for recording in speech:
        states, x = States.zero(1, model.network), quantised(recording.z)
        for at in range(0, len(x), CHUNK_FRAMES):
            chunk = x[at : at + CHUNK_FRAMES]
            kernel.run(chunk, [len(chunk)], states, [0], lanes)
    return 1 - lanes.doubtful / lanes.total


def show(result: Mapping[str, Any]) -> None:
    """Print what a person would look for, to stderr."""
    lines = [
        f"tier {result['tier']}; us a frame, and how many times faster than",
        f"{'frames':>6} {'streams':>7} {'us':>7} {'torch fp32':>16} {'onnxruntime int8':>17}",
    ]
    for each in result["rows"]:
        torch_fp32, ort_int8 = (_beside_goal(each, name) for name in GOALS[ALONE])
        lines.append(
            f"{each['frames']:6} {each['streams']:7} {each['us']:7.2f} "
            f"{torch_fp32:>16} {ort_int8:>17}"
        )
    lines += [
        f"lanes proven: {result['proven_share']:.4%}",
        f"one frame, one stream: {result['floor_fraction']:.0%} of the floor",
        f"share of the peak of AMX: {result['peak_fraction'] or 'not measured'}",
    ]
    print("\n".join(lines), file=sys.stderr)


def _beside_goal(of_case: Mapping[str, Any], name: str) -> str:
    goal = of_case["goals"].get(name)
    return f"{of_case['vs'][name]:.2f}" + (f" (goal {goal})" if goal else "")


def arguments() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="./run bench kernel")
    parser.add_argument(
        "--speech",
        nargs="+",
        type=Path,
        required=True,
        help="audio files, or folders of them, by their path from the project's folder; "
        "unless it is given, ./run gives the clip of its demo",
    )
    parser.add_argument("--json", action="store_true", help="the JSON line alone, no table")
    return parser.parse_args()


def main() -> None:
    """Read speech, check that the same is compared, take turns, report."""
    asked = arguments()
    stay_on_one_core()
    try:
        field = Field.of_this_machine(choose())
        speech = read_speech(asked.speech, RECORDINGS, field.model)
        agreement = field.check(speech)
    except (VauError, FileNotFoundError, NotTheSame) as cause:
        raise SystemExit(f"bench kernel: {cause}") from cause
    result = {
        "bench": "kernel",
        "tier": field.kernel.tier,
        **measured(field, speech),
        "proven_share": round(proven_share(field.kernel, speech, field.model), 6),
        "agreement_with_float": agreement,
        "model": field.model.name,
        "speech": {
            "recordings": len(speech),
            "seconds": round(sum(recording.audio_s for recording in speech), 1),
        },
        "rounds": ROUNDS,
        "warm_s": WARM_S,
        "turn_s": TURN_S,
        "threads": 1,
        "clock": "cpu",
        "host": host("numpy", "torch", "onnx", "onnxruntime"),
    }
    if not asked.json:
        show(result)
    report(**result)


if __name__ == "__main__":
    main()
