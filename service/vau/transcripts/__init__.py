"""What was heard in one file, and the files it is written to, a module a format."""

from vau.transcripts.jsonl import (
    SCHEMA,
    energy_object,
    header,
    phone_object,
    segment_line,
    summary,
    to_json,
)
from vau.transcripts.kaldi import utterance_id
from vau.transcripts.output import Output, OutputFormat, write
from vau.transcripts.rows import Rows
from vau.transcripts.transcription import Engine, Transcription

__all__ = [
    "SCHEMA",
    "Engine",
    "Output",
    "OutputFormat",
    "Rows",
    "Transcription",
    "energy_object",
    "header",
    "phone_object",
    "segment_line",
    "summary",
    "to_json",
    "utterance_id",
    "write",
]
