"""Flags of a client: which server, and how audio gets there."""

from typing import Annotated

from vau.commands.flags import flag

Server = Annotated[
    str,
    flag("--server", "Send the audio to this server.", metavar="HOST:PORT"),
]
ServerToAsk = Annotated[
    str,
    flag("--server", "Ask this server, not this machine.", metavar="HOST:PORT"),
]
ChunkMs = Annotated[
    int,
    flag("--chunk-ms", "Audio in one message, milliseconds.", min=1, max=2000, metavar="MS"),
]
Pace = Annotated[
    bool,
    flag(
        "--pace",
        "Send a file as fast as someone speaks, or as fast as possible. What comes through a "
        "pipe has its own pace.",
        negative="--no-pace",
    ),
]
Resume = Annotated[
    bool,
    flag(
        "--resume",
        "Try for a minute to go on after the connection or the server was lost, and to begin "
        "where there is no room yet.",
        negative="--no-resume",
    ),
]
Mic = Annotated[bool, flag("--mic", "Listen to a microphone; Ctrl-C ends it.")]
Device = Annotated[
    str, flag("--device", "Microphone, by number or part of its name.", metavar="NAME|N")
]
LoadServer = Annotated[
    str,
    flag(
        "--server",
        "Measure this server; without it, one that is started here.",
        metavar="HOST:PORT",
    ),
]
EndSilence = Annotated[
    float | None,
    flag(
        "--end-silence",
        "End a segment after so much silence, seconds; 0 only shows where speech is.",
        min=0.0,
        metavar="S",
    ),
]
StartTimeout = Annotated[
    float | None,
    flag("--start-timeout", "End a segment so long without speech.", min=0.0, metavar="S"),
]
MaxSegment = Annotated[
    float | None,
    flag("--max-segment", "End a segment that is so long.", min=0.0, metavar="S"),
]
