"""Microphones."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from vau.audio import SAMPLE_RATE_HZ
from vau.commands.doctor.apart import Failed, apart
from vau.commands.doctor.check import Asked, Check, Checks, plural

LIMIT_S: Final = 30.0
NAME: Final = "audio.devices"
NEEDLESS: Final = "only vau stream --mic needs one: files, pipes and servers do not"
MOST_NAMED: Final = 5


def examine(_asked: Asked) -> Checks:
    """Look for microphones, in a process of their own."""
    if find_spec("sounddevice") is None:
        yield devices("package", [])
        return
    try:
        found = apart(__name__, {}, LIMIT_S)
    except Failed as failed:
        yield Check(name=NAME, status="warning", found=str(failed), meaning=NEEDLESS)
    else:
        yield devices(**found)


def devices(missing: str, inputs: list[dict[str, Any]]) -> Check:
    """Judge what was found.

    missing: ``package`` or ``portaudio`` if one of them is; empty otherwise.
    inputs:  name and rate of each microphone, Hz.
    """
    if missing == "package":
        return Check(
            name=NAME,
            status="note",
            found="the package sounddevice is not installed",
            meaning=NEEDLESS,
            remedy="pip install 'vau[mic]' (and the system's PortAudio: libportaudio2)",
        )
    if missing:
        return Check(
            name=NAME,
            status="note",
            found="sounddevice is installed, and the system has no PortAudio",
            meaning=NEEDLESS,
            remedy="install it (Debian: apt-get install libportaudio2)",
        )
    if not inputs:
        return Check(
            name=NAME,
            status="note",
            found="no microphone",
            meaning=NEEDLESS,
            remedy="plug one in; a container needs --device /dev/snd",
        )
    named = "; ".join(f"{each['name']}, {each['rate_hz']:g} Hz" for each in inputs[:MOST_NAMED])
    other = any(each["rate_hz"] != SAMPLE_RATE_HZ for each in inputs)
    return Check(
        name=NAME,
        status="ok",
        found=f"{plural(len(inputs), 'microphone')}: {named}",
        meaning=f"resampled to {SAMPLE_RATE_HZ} Hz" if other else "",
    )


def work() -> dict[str, Any]:
    """Ask PortAudio. In a process of its own: drivers of sound cards are not ours."""
    try:
        sounddevice = import_module("sounddevice")
    except OSError:  # so it says that the library is not there
        return {"missing": "portaudio", "inputs": []}
    inputs = [
        {"name": str(each["name"]), "rate_hz": float(each["default_samplerate"])}
        for each in sounddevice.query_devices()
        if each["max_input_channels"] > 0
    ]
    return {"missing": "", "inputs": inputs}
