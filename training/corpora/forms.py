"""Which form a corpus has, and the labelled corpus that comes of it."""

import hashlib
from pathlib import Path

from training.corpora import librispeech, timit
from training.corpus import BadCorpus, is_labelled


def prepare(corpus: Path, cache: Path, jobs: int) -> Path:
    """Return the labelled form of ``corpus``: itself, or a folder in ``cache``.

    jobs:   processes that align.
    Raises  BadCorpus if the folder has no form known here, or is damaged.
    """
    if is_labelled(corpus):
        return corpus
    digest = hashlib.sha256(str(corpus.resolve()).encode()).hexdigest()
    out = cache / f"{corpus.resolve().name}-{digest[:8]}"
    label(corpus, out, jobs)
    return out


def label(corpus: Path, out: Path, jobs: int) -> None:
    """Write the labelled form of a LibriSpeech or TIMIT tree into the folder ``out``.

    An earlier call that was cut off is taken up where it stopped. Raises as ``prepare`` does.
    """
    if librispeech.is_tree(corpus):
        librispeech.label(corpus, out, jobs)
    elif timit.is_tree(corpus):
        timit.label(corpus, out)
    else:
        raise BadCorpus(
            f"{corpus} is no corpus of a form known here. One that is labelled has "
            "manifest.tsv and phones_10ms.tsv; LibriSpeech has SPLIT/SPEAKER/CHAPTER/ with "
            "*.trans.txt and *.flac; TIMIT has TRAIN and TEST, in them DR*/SPEAKER/ with "
            "*.PHN and *.WAV. Name the folder right above these"
        )
