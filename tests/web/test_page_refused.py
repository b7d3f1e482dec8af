"""What the live page says when the server refuses, and what it does when a stream is lost."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.audio import encoded
from tests.commands import ROOT, VAU, environment
from tests.serving import eventually
from tests.soak.proxy import proxy
from tests.web.conftest import Visit
from tests.web.site import IDS, Site, of, over_grpc, pcm, site
from tests.web.visitor import (
    await_frames,
    await_state,
    choose_backends,
    choose_file,
    digests,
    lane,
    start,
)
from vau.client import Client

pytestmark = pytest.mark.web

UNAUTHORISED: Final = "401 (Unauthorized)"


@dataclass(frozen=True, slots=True)
class Closed:
    """A site that asks for a token, and the token."""

    url: str
    secret: str


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    folder = tmp_path_factory.mktemp("closed")
    secret, tokens = folder / "secret", folder / "tokens"
    command = [*VAU, "token", "visitor", "--max-streams", "1", "--secret-file", str(secret)]
    line = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    ).stdout
    tokens.write_text(line, encoding="utf-8")
    tokens.chmod(0o600)
    with site(folder, *of("muntaniala", "rpu"), "--tokens", tokens) as served:
        yield Closed(served.url, secret.read_text(encoding="utf-8").strip())


def test_a_server_with_tokens_asks_for_one_and_takes_the_right_one(
    visit: Visit, closed: Closed, clip: Path
) -> None:
    page = visit(closed.url, expects=UNAUTHORISED)
    field = page.get_by_label("This server asks for a token")
    expect(field).to_be_focused()
    expect(page.locator("#server")).to_contain_text("version")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#server")).to_have_text("the server asks for a token")
    field.fill(closed.secret)
    field.press("Enter")
    expect(field).to_be_hidden()
    expect(page.get_by_role("alert")).to_be_hidden()
    choose_file(page, clip)
    start(page)
    await_state(page, IDS[0])


def test_one_stream_too_many_is_refused_in_words_and_the_other_goes_on(
    visit: Visit, closed: Closed, clip: Path
) -> None:
    page = visit(closed.url)
    page.get_by_label("This server asks for a token").fill(closed.secret)
    page.get_by_role("button", name="Use it").click()
    choose_backends(page, IDS[0], IDS[1])
    choose_file(page, clip)
    start(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(
        re.compile(r"There is no room at present\..*QUOTA", re.DOTALL)
    )
    states = page.locator(".lane")
    expect(states.and_(page.locator('[data-state="failed"]'))).to_have_count(1)
    expect(states.and_(page.locator('[data-state="finished"]'))).to_have_count(1)
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_a_full_server_says_when_to_come_again(
    visit: Visit, tmp_path: Path, clip: Path
) -> None:
    with site(tmp_path, *of("muntaniala"), "--max-streams", 1) as served:
        first, second = visit(served.url), visit(served.url)
        start(first)  # the microphone, until it is stopped
        await_frames(first, IDS[0], 10)
        choose_file(second, clip)
        start(second)
        expect(second.get_by_role("alert")).to_contain_text(
            re.compile(r"There is no room.*Try again in \d+ s: press Start", re.DOTALL)
        )
        first.get_by_role("button", name="Stop").click()
        await_state(first, IDS[0])
        with Client(served.server.grpc) as client:  # it is told before its slot is free
            eventually(lambda: client.backends().backends[0].slots_in_use == 0)
        start(second)
        await_state(second, IDS[0])
        expect(second.get_by_role("alert")).to_be_hidden()


def test_a_stream_whose_connection_is_cut_goes_on_with_the_bits_of_grpc(
    visit: Visit, page_of: Site
) -> None:
    audio = 2 * pcm()  # fourteen seconds: the cut comes long before the end
    wav = encoded(np.frombuffer(audio, "<i2"))
    with proxy(urlsplit(page_of.url).netloc) as between:
        page = visit(f"http://{between.address}/", expects="WebSocket connection to")
        sockets: list[object] = []
        page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - it marks it
        choose_file(
            page, {"name": "two.wav", "mimeType": "audio/wav", "buffer": wav}, fast=False
        )
        start(page)
        # Two seconds or more: a checkpoint has come.
        expect(lane(page, IDS[0])).to_have_attribute(
            "data-frames", re.compile(r"^(?!1..$)\d{3,}$")
        )
        between.cut()
        await_state(page, IDS[0])
    assert len(sockets) == 2
    said = over_grpc(page_of.server.grpc, IDS[0], audio)
    assert digests(page, IDS[0])[0] == said.finished.output_digest.hex()


def test_a_server_that_is_gone_is_said_to_be(visit: Visit, tmp_path: Path, clip: Path) -> None:
    with site(tmp_path, *of("muntaniala")) as served:
        page = visit(served.url, expects="WebSocket connection to")
        choose_file(page, clip)
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
