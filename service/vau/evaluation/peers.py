"""Other recognisers that hear the same files, so that their error rates stand beside ours.

Each is given a whole recording, and what is compared is the phones alone, in 39 ARPAbet
phones. Each brings its own weights; whether our speakers were new to them is not known.

Ref: pocketsphinx 5.1.1, https://pocketsphinx.readthedocs.io (BSD, model included).
     hama 1.7.0, https://github.com/hamanlp/hama (Apache-2.0, weights included).
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import read_recording
from vau.errors import ConfigInvalid

Phones: TypeAlias = tuple[str, ...]
Samples: TypeAlias = NDArray[np.int16]
"""At 16 kHz, shape (samples,)."""

Listener: TypeAlias = Callable[[Samples], list[str]]
"""A recogniser with its weights loaded: samples to its own symbols."""

ARPABET_OF_IPA: Final[Mapping[str, str]] = {
    "ɑ": "AA", "ɒ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "aʊ": "AW",
    "aɪ": "AY", "b": "B", "t͡ʃ": "CH", "d": "D", "ð": "DH", "ɛ": "EH", "ɝ": "ER", "ɚ": "ER",
    "ɜ": "ER", "eɪ": "EY", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "ɪ": "IH", "i": "IY",
    "d͡ʒ": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "ŋ": "NG", "oʊ": "OW", "ɔɪ": "OY",
    "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH", "ʊ": "UH",
    "u": "UW", "v": "V", "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
"""The phones of General American, symbol by symbol.

What else ``hama`` may say belongs to other languages, or spells a letter: about one symbol in
a hundred, which counts as nothing heard. On dev no nearest phone for it did better.
"""

ARPABET: Final = frozenset(ARPABET_OF_IPA.values())

HAMA_SAMPLES: Final = 30 * SAMPLE_RATE_HZ
"""What its engine takes at once; it leaves out whatever follows, without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another recogniser."""

    package: str
    """What provides it, by the name of both the distribution and the module."""

    load: Callable[[ModuleType], Listener]
    phones: Mapping[str, str]
    """Its symbols for phones, in ARPAbet; all others (silence, noises) count as nothing."""

    note: str
    """What must be known to read its error rate."""


def check_peer(peer: str) -> None:
    """Raise ConfigInvalid if no recogniser of that name is known, or its package is missing."""
    _library(_find(peer))


def hear(peer: str, files: Sequence[Path]) -> Iterator[tuple[int, Phones]]:
    """Let a recogniser hear each file; yield its place in ``files`` and the phones heard.

    peer:   one of ``PEERS``.
    Raises  ConfigInvalid at once as ``check_peer`` does; while iterating, what
            ``read_recording`` raises.
    """
    found = _find(peer)
    return _hear_each(_loaded(found.load, _library(found)), found.phones, files)


@cache
def _loaded(load: Callable[[ModuleType], Listener], library: ModuleType) -> Listener:
    """Load a recogniser; a process does so once."""
    return load(library)


def _hear_each(
    listen: Listener, phones: Mapping[str, str], files: Sequence[Path]
) -> Iterator[tuple[int, Phones]]:
    for place, file in enumerate(files):
        symbols = listen(read_recording(file).samples)
        yield place, tuple(phones[symbol] for symbol in symbols if symbol in phones)


def _find(peer: str) -> Peer:
    if peer not in PEERS:
        raise ConfigInvalid(
            f"peer: no recogniser {peer!r} is known; there are: {', '.join(PEERS)}",
            field="peer",
        )
    return PEERS[peer]


def _library(peer: Peer) -> ModuleType:
    try:
        return importlib.import_module(peer.package)  # an extra, which few installations have
    except ImportError as cause:
        raise ConfigInvalid(
            f"peer: the package {peer.package} cannot be used ({cause}); install it: "
            "pip install 'vau[peers]'",
            field="peer",
        ) from cause


def _pocketsphinx(library: ModuleType) -> Listener:
    """Decode phones with triphones and the phone trigrams that come with the package.

    Source: the language weight from "Phoneme Recognition" in https://cmusphinx.github.io/wiki;
            triphones, off by default and ten times the work, from eleven utterances of the
            dev split that the models' cards name: 41 % error, against 49 % without. Of the
            beams tried (1e-5, 1e-8, 1e-10, 1e-12 and 1e-20) this is the widest that keeps up
            with live audio on one core (AMD EPYC); language weights of 1, 1.5 and 3 did
            worse, and other insertion penalties or more Gaussians moved the error by less
            than a point.
    """
    model = Path(library.get_model_path()) / "en-us"
    decoder = library.Decoder(
        hmm=str(model / "en-us"),
        allphone=str(model / "en-us-phone.lm.bin"),
        allphone_ci=False,
        dict=None,
        lm=None,
        lw=2.0,
        beam=1e-12,
        pbeam=1e-12,
        loglevel="FATAL",
    )

    def listen(samples: Samples) -> list[str]:
        decoder.reinit_feat()  # else the mean of the last recording colours this one
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        return [segment.word for segment in decoder.seg() or ()]  # None if too short

    return listen


def _hama(library: ModuleType) -> Listener:
    """Take the best symbol per frame, repeats and blanks removed, as the package does it.

    What is longer than it can take is cut evenly: a phone may be lost at each cut.
    """
    model = library.ASRModel()

    def listen(samples: Samples) -> list[str]:
        pieces = np.array_split(samples, -(-len(samples) // HAMA_SAMPLES))
        heard = (model.transcribe_waveform(piece, SAMPLE_RATE_HZ) for piece in pieces)
        return [symbol for result in heard for symbol in result.phonemes]

    return listen


PEERS: Final[Mapping[str, Peer]] = {
    "pocketsphinx": Peer(
        package="pocketsphinx",
        load=_pocketsphinx,
        phones={phone: phone for phone in ARPABET},
        note="phone decoding (allphone) with triphones and phone trigrams, settings chosen on "
        "our dev split; where its own aligner made the reference, both share a dictionary",
    ),
    "hama": Peer(
        package="hama",
        load=_hama,
        phones=ARPABET_OF_IPA,
        note="hears the whole recording before it answers; what it was trained on is not "
        "published, so it may know these speakers; its own dictionary differs from the "
        "reference in 13 % of the phones (60 utterances of our dev split), which counts "
        "against it",
    ),
}
