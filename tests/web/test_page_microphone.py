"""A microphone on the live page: it is heard, or it says why not."""

import re
from difflib import SequenceMatcher

import pytest
from playwright.sync_api import Playwright, expect

from tests.web.conftest import CHROMIUM, NO_SANDBOX, PATIENCE_MS, Visit
from tests.web.site import IDS, Site, over_grpc
from tests.web.visitor import await_frames, await_state, lane, phones, start

pytestmark = pytest.mark.web


def test_a_voice_at_the_microphone_shows_levels_phones_delays_and_energy(
    visit: Visit, page_of: Site
) -> None:
    page, backend = visit(), IDS[0]
    start(page)
    expect(page.locator("#level")).to_have_attribute("title", re.compile(r"^-(\d|[1-4]\d) dB$"))
    expect(lane(page, backend).locator(".frames")).to_contain_text(
        re.compile(r"[3-9]\d phones")
    )
    page.get_by_role("button", name="Stop").click()
    await_state(page, backend)
    heard, said = phones(page, backend), over_grpc(page_of.server.grpc, backend).phones
    alike = SequenceMatcher(None, heard, said[: len(heard)], autojunk=False).ratio()
    assert alike > 0.5, (heard, said)  # 0.03 by chance; what the browser captures is not exact
    figures = lane(page, backend).locator(".delays-figures")
    expect(figures).to_contain_text(re.compile(r"half within \(p50\)\s*[\d.]+ ms"))
    expect(figures).to_contain_text(re.compile(r"99 % within \(p99\)\s*[\d.]+ ms"))
    energy = lane(page, backend).locator(".energy")
    expect(energy).to_contain_text(re.compile(r"[\d.]+ mJ\s*estimated\s*system"))
    expect(energy).to_contain_text(re.compile(r"[\d.]+ mJ per second of audio"))


def test_the_microphone_can_be_heard_again(visit: Visit) -> None:
    page, backend = visit(), IDS[0]
    for _ in range(2):
        start(page)
        await_frames(page, backend, 10)
        page.get_by_role("button", name="Stop").click()
        await_state(page, backend)


def test_who_stops_before_there_is_sound_is_not_heard(visit: Visit) -> None:
    page = visit()
    expect(page.locator("#start")).to_be_enabled()
    page.evaluate("for (const name of ['start', 'stop']) document.getElementById(name).click()")
    expect(page.locator("body")).to_have_attribute("data-state", "idle")
    expect(lane(page, IDS[0])).to_have_attribute("data-state", "ready")


def test_a_microphone_that_is_refused_says_what_to_do(
    playwright: Playwright, visit: Visit
) -> None:
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[NO_SANDBOX, "--use-fake-device-for-media-stream", "--deny-permission-prompts"],
        timeout=PATIENCE_MS,
    )
    page = visit(by=browser)
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("The microphone was refused. Allow it")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    browser.close()
