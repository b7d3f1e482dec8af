"""A stream on a server, in the service's own words rather than the wire's.

``converse`` sends audio and yields what comes back; ``transcribe`` does so for whole files,
several at a time. The numbers are those of ``vau.batch``, to the bit.
"""

from vau.client.recognition.answers import Finished, Started, Update, finished_of
from vau.client.recognition.conversation import chunks_of, converse
from vau.client.recognition.files import CHUNK_SAMPLES, engine_on, transcribe
from vau.client.recognition.gathering import Gathering, transcription
from vau.client.recognition.request import Request, Wanted

__all__ = [
    "CHUNK_SAMPLES",
    "Finished",
    "Gathering",
    "Request",
    "Started",
    "Update",
    "Wanted",
    "chunks_of",
    "converse",
    "engine_on",
    "finished_of",
    "transcribe",
    "transcription",
]
