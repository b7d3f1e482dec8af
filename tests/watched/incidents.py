"""What happens to the servers while their load goes on, so that every meter has a say."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final

from google.protobuf.duration_pb2 import Duration

from deploy.dashboards.ask import Prometheus
from tests.commands import children
from tests.serving import FULL, Talk, recognition, speech, streaming
from tests.soak.slots import slots_in_use
from tests.watched.prometheus import until
from tests.watched.sites import DESK_LOAD, ONE_DIE, SLOTS, Site
from vau.audio import SAMPLE_RATE_HZ
from vau.backend import State
from vau.client import Access, Client
from vau.errors import VauError
from vau.load.page import Scrape
from vau.v1 import speech_pb2 as pb

CHUNK: Final = SAMPLE_RATE_HZ // 10  # samples
CHECKPOINT_S: Final = 0.2


def strangers(site: Site) -> None:
    """Come to the door without a token, and with a wrong one."""
    for access in (
        Access(tls_ca=site.access.tls_ca),
        Access(tls_ca=site.access.tls_ca, token_file=site.guests.access("x" * 43).token_file),
    ):
        with Client(site.front.grpc, access=access) as client, suppress(VauError):
            Talk(client)


def crowd(site: Site) -> None:
    """Take what room there is, and try once more."""
    with Client(site.desk.grpc) as client:
        held: list[Talk] = []
        with suppress(VauError):
            held.extend(Talk(client, streaming(backend=ONE_DIE)) for _ in range(SLOTS + 1))
        for talk in held:
            talk.send(speech(CHUNK))
            talk.half_close()
    until(lambda: slots_in_use(site.desk) <= DESK_LOAD, "slots to come free")


def silence(site: Site) -> None:
    """Send what nobody can have meant."""
    with Client(site.desk.grpc) as client:
        client.recognize(recognition(backend=ONE_DIE), bytes(4 * CHUNK * 10))


def archive(site: Site) -> None:
    """Send a file as fast as it goes."""
    with Client(site.desk.grpc) as client:
        audio = [speech(10 * CHUNK)] * 10
        for _ in client.stream(streaming(backend=ONE_DIE), audio):
            pass


def comes_again(site: Site) -> None:
    """Lose a stream and go on with it; then come with a checkpoint that is none."""
    config = streaming(FULL, backend=ONE_DIE)
    config.checkpoint_interval.CopyFrom(Duration(nanos=round(CHECKPOINT_S * 1e9)))
    with Client(site.desk.grpc) as client:
        talk, token = Talk(client, config), b""
        while not token:
            token = talk.say(speech(CHUNK)).checkpoint.token
        talk.vanish()
        for shown in (token, b"forged" + token):
            again = pb.StreamingConfig()
            again.CopyFrom(config)
            again.resume_token = shown
            with suppress(VauError):
                talk = Talk(client, again)
                talk.send(speech(CHUNK))
                talk.half_close()


def new_tokens(site: Site) -> None:
    """Give the door a file that it cannot use, then a good one."""
    good = site.guests.file.read_bytes()
    for content, outcome in ((b"this is no token\n", "kept"), (good, "renewed")):
        read = partial(_reloads, site, outcome)
        before = read()
        draft = site.guests.file.with_suffix(".next")
        draft.touch(0o600)
        draft.write_bytes(content)
        draft.replace(site.guests.file)
        site.front.process.send_signal(signal.SIGHUP)
        until(partial(_rises, read, before), f"tokens to be {outcome}")


def _rises(read: Callable[[], float], above: float) -> bool:
    return read() > above


def _reloads(site: Site, outcome: str) -> float:
    labels = {"file": "tokens", "outcome": outcome}
    return Scrape.of(site.front.metrics).total("vau_door_reloads_total", **labels) or 0.0


def pulled_out(site: Site) -> None:
    """Pull the board out under a stream that has somewhere to go."""
    config = streaming(FULL, backend=site.board_id)
    config.recognition.fallback_backends.append(ONE_DIE)
    with Client(site.desk.grpc) as client:

        def audio() -> Iterator[bytes]:
            yield speech(CHUNK)
            site.board.unplug()
            for _ in range(10):
                yield speech(CHUNK)

        with suppress(VauError):
            for _ in client.stream(config, audio()):
                pass


def put_back(site: Site) -> None:
    """Put the board back, and wait until it serves again."""
    site.board.plug()
    labels = {"backend": site.board_id, "state": State.FAULT.value}

    def is_back() -> bool:
        return Scrape.of(site.desk.metrics).total("vau_backend_state", **labels) == 0.0

    until(is_back, "the board to be back")


def shadow_dies(site: Site, prometheus: Prometheus) -> None:
    """Kill the process of a shadow, and those that follow it, until it was seen to be down."""

    def is_seen() -> bool:
        for pid in children(site.desk.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(prometheus.at('min_over_time(vau_shadow_up{instance="desk"}[1h]) == 0'))

    until(is_seen, "Prometheus to see a shadow down")
