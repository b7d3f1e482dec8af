"""Flags of the door: TLS and tokens, at the server and at its clients."""

from pathlib import Path
from typing import Annotated

import typer

from vau.commands.flags import flag

TlsCert = Annotated[
    Path | None,
    flag("--tls-cert", "Certificate to show, and its chain; with --tls-key.", metavar="PEM"),
]
TlsKey = Annotated[Path | None, flag("--tls-key", "Key of that certificate.", metavar="PEM")]
TlsClientCa = Annotated[
    Path | None,
    flag("--tls-client-ca", "Let in clients alone whose certificate it signed.", metavar="PEM"),
]
Tokens = Annotated[
    Path | None,
    flag("--tokens", "Let in callers alone with a token of this file.", metavar="FILE"),
]
Reflection = Annotated[
    bool | None,
    flag(
        "--reflection",
        "List methods for grpcurl and the like.",
        negative="--no-reflection",
        show_default="on without --tokens",
    ),
]
ClosedHealth = Annotated[
    bool, flag("--closed-health", "Answer health checks to holders of a token alone.")
]
MaxStreamsPerClient = Annotated[
    int,
    flag(
        "--max-streams-per-client",
        "Streams of one address at a time.",
        min=0,
        metavar="N",
        show_default="no limit",
    ),
]

Tls = Annotated[
    bool, flag("--tls", "Encrypt, and believe public authorities; the other --tls-* imply it.")
]
TlsCa = Annotated[
    Path | None,
    flag("--tls-ca", "Encrypt, and believe this authority alone.", metavar="PEM"),
]
TokenFile = Annotated[
    Path | None,
    flag("--token-file", "Send the token in its first line.", metavar="FILE"),
]

TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it will be.")]
TokenStreams = Annotated[
    int | None,
    flag(
        "--max-streams",
        "Streams at a time; 0 may ask but not stream.",
        metavar="N",
        show_default="no limit",
        elsewhere=False,  # of a server it says how many: there the variable means all callers
    ),
]
SecretFile = Annotated[
    Path | None,
    flag(
        "--secret-file",
        "Write the secret into this new file, for your eyes alone, rather than to stderr.",
        metavar="FILE",
    ),
]
TokenRate = Annotated[
    float | None,
    flag(
        "--max-audio-rate",
        "Seconds of audio a second, over all streams.",
        metavar="R",
        show_default="no limit",
    ),
]
