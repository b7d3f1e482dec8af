"""What is known to be said in a recording, found in its posteriors: where, and how well.

``lexicon`` makes pronunciations of text, ``graph`` the ways to say them, ``search`` finds the
best way through the frames, ``scoring`` says how well each phone was spoken, and ``outputs``
writes it.
"""

from vau.alignment.lexicon import read_lexicon, text_script
from vau.alignment.outputs import FORMATS, alignment_object, write
from vau.alignment.scoring import Alignment, Scored, Word, align
from vau.alignment.script import Script, is_phones, phones_script

__all__ = [
    "FORMATS",
    "Alignment",
    "Scored",
    "Script",
    "Word",
    "align",
    "alignment_object",
    "is_phones",
    "phones_script",
    "read_lexicon",
    "text_script",
    "write",
]
