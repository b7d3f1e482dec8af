"""What the live page says when the server refuses, and what it does when a stream is lost."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.commands import ROOT, VAU, environment
from tests.web.conftest import Visit
from tests.web.site import IDS, Site, of, over_grpc, site
from tests.web.visitor import (
    await_frames,
    await_state,
    choose_backends,
    choose_file,
    digests,
    lane,
    start,
)

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
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
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
        choose_file(first, clip, fast=False)
        start(first)
        await_frames(first, IDS[0], 10)
        choose_file(second, clip)
        start(second)
        expect(second.get_by_role("alert")).to_contain_text(
            re.compile(r"There is no room.*Try again in \d+ s: press Start", re.DOTALL)
        )
        await_state(first, IDS[0])
        start(second)
        await_state(second, IDS[0])
        expect(second.get_by_role("alert")).to_be_hidden()


def test_a_stream_whose_server_dies_goes_on_at_the_next_with_the_same_bits(
    visit: Visit, page_of: Site, tmp_path: Path, clip: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("5" * 64, encoding="utf-8")
    key.chmod(0o600)
    arguments = (*of("muntaniala"), "--resume-key-file", key)
    with ExitStack() as stack:
        dying = stack.enter_context(site(tmp_path, *arguments))
        page = visit(dying.url, expects="WebSocket connection to")
        choose_file(page, clip, fast=False)
        start(page)
        # Three seconds of audio: a checkpoint has come.
        expect(lane(page, IDS[0])).to_have_attribute("data-frames", re.compile(r"^[2-6]\d\d$"))
        dying.server.process.kill()
        dying.server.process.wait()
        await_state(page, IDS[0], "lost")
        expect(lane(page, IDS[0]).locator(".state")).to_contain_text("to go on where it was")
        next_folder = tmp_path / "next"
        next_folder.mkdir()
        stack.enter_context(site(next_folder, *arguments, listen=urlsplit(dying.url).netloc))
        await_state(page, IDS[0])
    said = over_grpc(page_of.server.grpc, IDS[0])
    assert digests(page, IDS[0])[0] == said.finished.output_digest.hex()


def test_a_server_that_is_gone_is_said_to_be(visit: Visit, tmp_path: Path, clip: Path) -> None:
    with site(tmp_path, *of("muntaniala")) as served:
        page = visit(served.url, expects="WebSocket connection to")
        choose_file(page, clip)
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer.")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
