"""Forced alignment: which phone of a known text is spoken in which frame.

The acoustic model and the dictionary are those that the package pocketsphinx brings; its
phones are our 39. A word with several pronunciations takes the one that fits the audio best.
"""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from training.corpus import SILENCE, BadCorpus
from vau.evaluation.manifest import Stretch

Lexicon = Mapping[str, Sequence[str]]
"""Pronunciations of words in lower case, each a string of phones with spaces between."""


class NotAligned(Exception):
    """An utterance that gets no labels; the message says why."""


class Aligner:
    """Text against audio, by one decoder of pocketsphinx."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Load the acoustic model; ``lexicon`` has what its dictionary may lack.

        Raises BadCorpus if pocketsphinx is not installed.
        """
        # With bestpath, which is its default, end_utt fails on many an utterance.
        self._decoder = _pocketsphinx().Decoder(loglevel="FATAL", lm=None, bestpath=False)
        for word, pronunciations in lexicon.items():
            if self._decoder.lookup_word(word) is None:
                for number, phones in enumerate(pronunciations, 1):
                    name = word if number == 1 else f"{word}({number})"
                    self._add(name, phones)

    def align(self, pcm: NDArray[np.int16], text: str) -> tuple[Stretch, ...]:
        """Return the phones of ``text`` with their frames, from the first sample on.

        pcm:    16 kHz, one whole utterance; what was aligned before does not matter.
        Raises  NotAligned for a word without a pronunciation, or if no path leads to the end.
        """
        words = text.lower().split()
        unknown = sorted({word for word in words if self._decoder.lookup_word(word) is None})
        if unknown:
            raise NotAligned(f"words outside the dictionary: {' '.join(unknown)}")
        try:
            self._decoder.set_align_text(" ".join(words))
            self._listen(pcm)
            self._decoder.set_alignment()  # the words are placed: now the phones in them
            self._listen(pcm)
        except RuntimeError as cause:
            raise NotAligned("the text does not fit the audio") from cause
        return _stretches(
            (phone.name, phone.duration) for phone in self._decoder.get_alignment().phones()
        )

    def _add(self, word: str, phones: str) -> None:
        try:
            self._decoder.add_word(word, phones, update=False)
        except RuntimeError as cause:
            raise BadCorpus(
                f"lexicon: {word!r} is spelled {phones!r}: ARPAbet is needed"
            ) from cause

    def _listen(self, pcm: NDArray[np.int16]) -> None:
        self._decoder.reinit_feat()  # its noise estimate would carry over from the last one
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()


def _stretches(phones: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Fold the recogniser's noises, which it spells +NSN+ and the like, into silence."""
    return tuple((SILENCE if name.startswith("+") else name, n) for name, n in phones)


def _pocketsphinx() -> ModuleType:
    try:
        return importlib.import_module("pocketsphinx")  # of the extra ``train``
    except ImportError as cause:
        raise BadCorpus(
            f"a corpus without phone labels needs the package pocketsphinx ({cause}): "
            "pip install 'vau[train]'"
        ) from cause
