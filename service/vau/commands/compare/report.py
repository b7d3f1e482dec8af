"""A comparison for programs: a document of schema ``vau.compare/1``; see docs/compare.md."""

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any, Final

from vau.audio import HOP_S, SAMPLE_RATE_HZ
from vau.backend import BackendInfo, Cost
from vau.commands.compare.file import FileResult, Pair
from vau.commands.compare.result import Comparison, Total
from vau.comparison import Divergence, LogitPlace, Place, Values, spread
from vau.evaluation.edits import Edits
from vau.transcripts import energy_object

SCHEMA: Final = "vau.compare/1"


def report(found: Comparison) -> dict[str, Any]:
    """Return all figures: SI units by name, rates as fractions, null for what is not known."""
    reference = found.backends[0].id
    return {
        "schema": SCHEMA,
        "model": {"name": found.model.name, "digest": found.model.digest},
        "reference": reference,
        "decoder": found.decoder,
        "chunk_ms": found.chunk_ms,
        "tolerance": found.tolerance,
        "is_beyond": found.is_beyond,
        "audio_s": found.audio_s,
        "frames": found.frames,
        "labelled_files": len(found.labelled),
        "backends": [
            {**_info_object(info), **_total_object(total)}
            for info, total in zip(found.backends, found.totals, strict=True)
        ],
        "pairs": [
            {
                "backend": info.id,
                "same_arithmetic": found.shares_arithmetic(place),
                **_divergence_object(divergence, found.tolerance),
            }
            for place, (info, divergence) in enumerate(
                zip(found.backends[1:], found.divergences, strict=True), start=1
            )
        ],
        "files": [_file_object(found, each) for each in found.files],
        "failed": [{"file": str(each.file), "error": str(each.error)} for each in found.failed],
        "plotted": str(found.shown.result.file) if found.shown else None,
    }


def _info_object(info: BackendInfo) -> dict[str, Any]:
    return {
        "backend": info.id,
        "kind": info.kind,
        "arithmetic_id": info.arithmetic_id,
        "bit_exact": info.bit_exact,
        "tier": info.tier or None,
        "clock_hz": info.clock_hz,
    }


def _total_object(total: Total) -> dict[str, Any]:
    """Return what one backend heard and spent. A frame here is one through the network."""
    steps = total.steps
    return {
        "phone_count": total.phone_count,
        "per": total.per,
        "errors": _edits_object(total.errors),
        "phones_said": total.phones_said if total.errors else None,
        "disagreement": _edits_object(total.disagreement),
        "network_frames": steps,
        "host_s": total.host_s,
        "host_s_per_frame": total.host_s / steps,
        "host_origin": "measured",
        **_calls_object(total.calls_device_s, steps),
        **_cost_object(total.cost, steps),
        "unshared": _cost_object(total.cost.unshared, steps) if total.cost.unshared else None,
    }


def _calls_object(calls_device_s: float | None, steps: int) -> dict[str, Any]:
    return {
        "calls_device_s": calls_device_s,
        "calls_device_s_per_frame": None if calls_device_s is None else calls_device_s / steps,
    }


def _cost_object(cost: Cost, steps: int) -> dict[str, Any]:
    return {
        "device_s": cost.device_s,
        "device_s_per_frame": None if cost.device_s is None else cost.device_s / steps,
        "device_origin": None if cost.device_s is None else cost.device_origin,
        "cycles": cost.cycles,
        "cycles_per_frame": None if cost.cycles is None else cost.cycles / steps,
        "saturations": sum(cost.saturations) if cost.saturations else None,
        "memory_bytes": cost.memory_bytes,
        "energy": [
            {
                **energy_object(energy),
                "joules_per_frame": energy.joules / steps,
                "extrapolated": energy.extrapolated,
            }
            for energy in cost.energies
        ],
    }


def _file_object(found: Comparison, each: FileResult) -> dict[str, Any]:
    phonemes = found.model.phonemes
    return {
        "file": str(each.file),
        "sha256": each.sha256,
        "audio_s": each.samples / SAMPLE_RATE_HZ,
        "frames": each.heard[0].summary.frames,
        "utterance": each.said and each.said.name,
        "phones_said": each.said and list(each.said.phones),
        "backends": [_heard_object(each, place) for place in range(len(each.heard))],
        "pairs": [
            {
                "backend": heard.backend,
                "disagreement": _edits_object(pair.edits),
                **_divergence_object(pair.divergence, found.tolerance),
                **_firsts_object(pair, phonemes),
            }
            for heard, pair in zip(each.heard[1:], each.pairs, strict=True)
        ],
    }


def _heard_object(each: FileResult, place: int) -> dict[str, Any]:
    heard, errors = each.heard[place], each.edits(place)
    steps = heard.summary.steps
    return {
        "backend": heard.backend,
        "phones": heard.symbols,
        "per": errors.errors / len(each.said.phones) if errors and each.said else None,
        "errors": _edits_object(errors),
        "input_digest": heard.summary.input_digest.hex(),
        "output_digest": heard.summary.output_digest.hex(),
        "network_frames": steps,
        "host_s": heard.host_s,
        "host_s_per_frame": heard.host_s / steps,
        "host_origin": "measured",
        **_calls_object(heard.calls_device_s, steps),
        **_cost_object(heard.summary.cost, steps),
    }


def _edits_object(edits: Edits | None) -> dict[str, int] | None:
    return None if edits is None else {**asdict(edits), "edits": edits.errors}


def _divergence_object(divergence: Divergence, tolerance: float) -> dict[str, Any]:
    return {
        "frames": len(divergence),
        "different_frames": int(divergence.is_different.sum()),
        "other_best_frames": int(divergence.is_other_best.sum()),
        "beyond_frames": int(divergence.is_beyond(tolerance).sum()),
        "total_variation": _spread_object(divergence.total_variation),
        "kl_nats": _spread_object(divergence.kl_nats),
        "largest_difference": _spread_object(divergence.largest_difference),
    }


def _spread_object(values: Values) -> dict[str, float | None] | None:
    """Return the four figures; null for one that is infinite, which JSON cannot say."""
    found = spread(values)
    if found is None:
        return None
    return {name: value if isfinite(value) else None for name, value in asdict(found).items()}


def _firsts_object(pair: Pair, phonemes: Sequence[str]) -> dict[str, Any]:
    return {
        "first_different": _place_object(pair.first_different, phonemes),
        "first_other_best": _place_object(pair.first_other_best, phonemes),
        "first_beyond": _place_object(pair.first_beyond, phonemes),
        "first_logit": _logit_object(pair.first_logit, phonemes),
    }


def _place_object(place: Place | None, phonemes: Sequence[str]) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "frame": place.frame,
        "start_s": place.frame * HOP_S,
        "reference": {
            "symbol": phonemes[place.reference_class],
            "posterior": place.reference_posterior,
        },
        "other": {
            "symbol": phonemes[place.other_class],
            "posterior": place.other_posterior,
        },
        "total_variation": place.total_variation,
    }


def _logit_object(place: LogitPlace | None, phonemes: Sequence[str]) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "frame": place.frame,
        "start_s": place.frame * HOP_S,
        "class_id": place.class_id,
        "symbol": phonemes[place.class_id],
        "reference": place.reference,
        "other": place.other,
    }
