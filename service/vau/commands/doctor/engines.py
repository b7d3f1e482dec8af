"""Accelerators computed here: how, whether rightly, and how many streams they carry."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from vau.backend import Backend, BackendOptions
from vau.commands.doctor.apart import Failed, apart
from vau.commands.doctor.check import Asked, Check, Checks, Examine, plural
from vau.commands.doctor.known_answers import KNOWN
from vau.errors import BackendFault
from vau.model import Model, find_model
from vau.registry import installed_kinds, open_backend
from vau.selfcheck import answer, frames_for, self_check
from vau.sizing import MEASURED_STREAMS, reckon

LIMIT_S: Final = 300.0
ON_REQUEST: Final = "board"  # somebody else may use it, and a simulation takes long to build
KERNEL: Final = "VAU_KERNEL"
CPUINFO: Final = Path("/proc/cpuinfo")

AVX512: Final = ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni")
NEEDS: Final = {"amx": ("amx_tile", "amx_int8"), "avx512": AVX512, "avx2": ("avx2",)}
"""What a processor must have for the tiers that not every one has, as Linux calls it."""

Streams = dict[str, int]
"""How many each backend carries, by how it was asked for."""


def of(asked: Asked, carried: Streams) -> Iterator[tuple[str, Examine]]:
    """Yield what looks at each accelerator: those that are asked for, then the others.

    carried: takes what is measured.
    """
    kinds = [each.partition(":")[0] for each in asked.backends]
    others = [kind for kind in installed_kinds() if kind not in (*kinds, ON_REQUEST)]
    for backend in (*asked.backends, *others):
        yield backend, partial(examine, backend, carried)


def examine(backend: str, carried: Streams, asked: Asked) -> Checks:
    """Look at one accelerator with each model, in a process of its own."""
    for model in asked.models:
        what = {"backend": backend, "model": model, "is_quick": asked.is_quick}
        title = backend if len(asked.models) == 1 else f"{backend}.{model}"
        try:
            found = apart(__name__, what, LIMIT_S)
        except Failed as failed:
            yield _unusable(title, str(failed), is_wanted=backend in asked.backends)
            continue
        if found["tiers"]:
            yield tier(title, found, cpu_flags(), os.environ.get(KERNEL, ""))
        if asked.is_quick:
            continue
        yield right(title, found)
        streams = found["streams"]
        carried[backend] = min(streams, carried.get(backend, streams))
        yield size(title, found, asked.max_streams if backend in asked.backends else None)


def _unusable(title: str, why: str, *, is_wanted: bool) -> Check:
    found, _, remedy = why.partition("; ")
    return Check(
        name=f"answer.{title}",
        status="problem" if is_wanted else "note",
        found=found,
        meaning="" if is_wanted else "it is not asked for",
        remedy=remedy,
    )


def cpu_flags(file: Path = CPUINFO) -> frozenset[str]:
    """Return what Linux says that the processor has; nothing where it does not."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    found = (line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    return frozenset(next(found, ()))


def tier(title: str, found: dict[str, Any], flags: frozenset[str], forced: str) -> Check:
    """Judge what computes it on this machine."""
    name = f"kernel.{title}"
    text = f"{found['tier']}, of {', '.join(found['tiers'])}"
    if forced:
        return Check(
            name=name,
            status="warning",
            found=f"{found['tier']}, because {KERNEL}={forced}",
            meaning="the same bits, mostly slower",
            remedy=f"unset {KERNEL}",
        )
    if found["remark"]:
        what, _, remedy = found["remark"].partition("; install")
        return Check(
            name=name,
            status="warning",
            found=text,
            meaning=what,
            remedy=f"install{remedy}" if remedy else "",
        )
    lacking = {
        each: [flag for flag in needs if flag not in flags]
        for each, needs in NEEDS.items()
        if each not in found["tiers"]
    }
    why = "; ".join(
        f"no {each}: this processor has no {', '.join(flags)}"
        if flags
        else f"no {each}: the system does not offer it"
        for each, flags in lacking.items()
    )
    return Check(name=name, status="ok", found=text, meaning=why)


def right(title: str, found: dict[str, Any]) -> Check:
    """Judge what it answers."""
    name = f"answer.{title}"
    if found["wrong"]:
        return Check(
            name=name,
            status="problem",
            found=found["wrong"],
            meaning="its answers cannot be trusted on this machine",
            remedy="install again; if it stays, take another backend, and report it",
        )
    tiers = f" on {', '.join(found['tiers'])}" if found["tiers"] else ""
    against = {
        "known": f"the known answer{tiers}",
        "agreed": f"the same answer{tiers}; for this model none is known",
        "consistent": "consistent; its answers are no integers, of which one could be known",
    }
    return Check(name=name, status="ok", found=against[found["against"]])


def size(title: str, found: dict[str, Any], wanted: int | None) -> Check:
    """Judge how many streams it carries. wanted: so many are to be let in; None if open."""
    streams = found["streams"]
    text = (
        f"carries about {plural(streams, 'live stream')} a process: {found['chunk_us']} µs "
        f"measured for 100 ms of audio, {found['wire_us']} µs assumed for its messages"
    )
    if wanted is None or wanted <= streams:
        return Check(name=f"streams.{title}", status="ok", found=text)
    return Check(
        name=f"streams.{title}",
        status="warning",
        found=text,
        meaning=f"--max-streams {wanted} lets in more: all of them would be late",
        remedy=f"--max-streams {streams}, or more servers behind a balancer",
    )


def work(backend: str, model: str, is_quick: bool) -> dict[str, Any]:
    """Open it, let each of its tiers answer, and measure the one that serves."""
    network = find_model(model)
    with closing(open_backend(backend, network, BackendOptions())) as opened:
        info = opened.info
        found: dict[str, Any] = {
            "id": info.id,
            "tier": info.tier,
            "tiers": info.tiers,
            "remark": opened.health().text,
        }
    if is_quick:
        return found
    found |= _answers(backend, network, info.tiers)
    options = BackendOptions(slot_count=MEASURED_STREAMS)
    with closing(open_backend(backend, network, options)) as opened:
        reckoning = reckon(network, opened)
    return found | {
        "streams": reckoning.streams,
        "chunk_us": round(reckoning.chunk_s * 1e6),
        "wire_us": round(reckoning.wire_s * 1e6),
    }


def _answers(backend: str, model: Model, tiers: tuple[str, ...]) -> dict[str, str]:
    """Return what is ``wrong``, if anything, and ``against`` what the answers were held."""
    digests: dict[str, str] = {}
    known = ""
    for name in tiers or ("",):
        with closing(open_backend(backend, model, BackendOptions(tier=name))) as opened:
            try:
                self_check(opened, model)
                digests[name] = digest(opened, model)
            except BackendFault as fault:
                return {"wrong": f"{name} {fault}".strip(), "against": ""}
            known = KNOWN.get((model.digest, opened.info.arithmetic_id), "")
    expected = known or next(iter(digests.values()))
    other = [name for name, found in digests.items() if found != expected]
    if other:
        than = "the known answer" if known else f"that of {next(iter(digests))}"
        return {
            "wrong": f"{', '.join(filter(None, other)) or 'it'}: another answer than {than}",
            "against": "",
        }
    return {
        "wrong": "",
        "against": "known" if known else "agreed" if expected else "consistent",
    }


def digest(backend: Backend, model: Model) -> str:
    """Return the SHA-256 of the logits for fixed frames; empty without integer logits."""
    logits = answer(backend, [frames_for(model)]).logits
    if logits is None:
        return ""
    return hashlib.sha256(logits.astype(np.dtype("<i4")).tobytes()).hexdigest()
