"""WebSockets to the live page's entrance, with messages that nobody would send."""

import json
from pathlib import Path
from random import Random
from typing import Final

from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from websockets.exceptions import ConnectionClosed

from tests.fuzz.case import Parts
from tests.fuzz.mutate import json_bytes
from tests.fuzz.statuses import REASONS
from tests.fuzz.target import Hang, Target
from tests.fuzz.targets.wire import Caller, check_stream, config_of, request_of
from tests.serving import FREE, eventually
from tests.webs import HALF_CLOSE, Ended, web_socket
from vau.v1 import speech_pb2 as pb

MOST_BYTES: Final = 512 << 10  # of one message: twice what may be said in text
TEXT: Final = "text"
BINARY: Final = "binary"
BY_THE_FRAMES: Final = (1007, 1009, 1006)
"""No UTF-8, too large: said for us, and lost if more was on its way at the end."""


def _part(random: Random, request: pb.StreamingRecognizeRequest) -> tuple[str, bytes]:
    if request.WhichOneof("request") == "audio" and random.random() < 0.9:
        return BINARY, request.audio
    try:
        said = MessageToDict(request)
    except SerializeToJsonError:  # a duration that JSON has no words for
        said = {"config": {"checkpointInterval": "9e99s"}}
    if random.random() < 0.5:
        return TEXT, json.dumps(said).encode()
    return TEXT, json_bytes(random, said)


def _is_framed(part: tuple[str, bytes]) -> bool:
    """Tell whether a message passes for one before anybody looks what it says."""
    name, data = part
    is_utf_8 = data.decode(errors="replace").encode() == data
    return len(data) <= MOST_BYTES and (name == BINARY or is_utf_8)


def _make(random: Random) -> Parts:
    config = config_of(random)
    encoding = config.recognition.audio_format.encoding
    requests = [pb.StreamingRecognizeRequest(config=config)]
    requests += [request_of(random, encoding) for _ in range(random.choice((1, 1, 2, 3)))]
    parts = [_part(random, request) for request in requests]
    if random.random() < 0.1:
        parts.insert(random.randrange(len(parts) + 1), (TEXT, HALF_CLOSE.encode()))
    if random.random() < 0.05:
        random.shuffle(parts)
    return tuple(parts)


class _Page(Caller):
    """Calls one server as a page does, one call at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "--web", "--web-listen", FREE)
        self._url = self.server.said("listening")["web"]

    def take(self, parts: Parts) -> bool:
        try:
            responses, ended = self._say(parts)
        except TimeoutError as error:
            raise Hang("no end") from error
        if ended.code == 1000:
            check_stream(iter(responses))
            return True
        reason = str(ended.error.get("reason"))
        code = REASONS.get(reason)
        is_told = code is not None and (ended.error["code"], ended.code) == (
            code.name,
            4000 + code.value[0],
        )
        assert is_told or (ended.code in BY_THE_FRAMES and not all(map(_is_framed, parts))), (
            ended
        )
        assert not ended.error or ended.error["message"], "an error without a text"
        return False

    def _say(self, parts: Parts) -> tuple[list[pb.StreamingRecognizeResponse], Ended]:
        with web_socket(self._url) as socket:
            try:
                for name, data in parts:
                    socket.connection.send(data, text=name == TEXT)
                if (TEXT, HALF_CLOSE.encode()) not in parts:
                    socket.send(HALF_CLOSE)
            except ConnectionClosed:
                pass  # it says in what it has sent why
            return socket.rest()

    def check(self) -> None:
        def in_use() -> int:
            listed = self.client.backends(include_unavailable=True).backends
            return sum(each.slots_in_use for each in listed)

        eventually(lambda: in_use() == 0)  # a connection may end before its handler has
        super().check()


TARGET: Final = Target(share=3, make=_make, open=_Page)
