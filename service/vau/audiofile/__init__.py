"""Audio files of any format, rate and channel count to 16 kHz mono."""

from vau.audiofile.containers import SUFFIXES, Format
from vau.audiofile.converting import Channel, Converter, Pcm, to_mono_16k
from vau.audiofile.foreign import FOREIGN_SUFFIXES, foreign_s, is_foreign_readable
from vau.audiofile.reading import Header, format_of, header, read_pcm
from vau.audiofile.recording import Blocks, Pieces, Recording, read_recording

__all__ = [
    "FOREIGN_SUFFIXES",
    "SUFFIXES",
    "Blocks",
    "Channel",
    "Converter",
    "Format",
    "Header",
    "Pcm",
    "Pieces",
    "Recording",
    "foreign_s",
    "format_of",
    "header",
    "is_foreign_readable",
    "read_pcm",
    "read_recording",
    "to_mono_16k",
]
