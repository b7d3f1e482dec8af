"""The live page for whoever cannot see it, sees it small, or wants it still."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.conftest import Visit
from tests.web.site import IDS
from tests.web.visitor import await_state, choose_backends, choose_file, lane, start

pytestmark = pytest.mark.web

PHONE: Final = {"width": 360, "height": 740}
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Return what axe has against the page as it is: rule, and the elements."""
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": RULES}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_wrong_whatever_the_page_shows(
    visit: Visit, clip: Path, theme: str
) -> None:
    page = visit(color_scheme=theme)
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    choose_backends(page, IDS[0], IDS[1])
    assert violations(page) == []
    choose_file(page, clip)
    start(page)
    for backend in IDS[:2]:
        await_state(page, backend)
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    page.locator("#help").click()
    assert violations(page) == []


def test_what_is_wrong_is_found(visit: Visit) -> None:
    page = visit()
    page.locator("#theme").evaluate("button => button.replaceChildren()")
    page.locator("#server").evaluate("said => { said.style.color = 'lightgrey'; }")
    found = " ".join(violations(page))
    assert "button-name" in found
    assert "color-contrast" in found


def test_phones_are_announced_and_pictures_have_words(visit: Visit, clip: Path) -> None:
    page = visit()
    choose_file(page, clip)
    start(page)
    await_state(page, IDS[0])
    region = page.locator("[aria-live=polite]")
    expect(region).to_have_text(re.compile(r"^Heard: ([A-Z]+ ?)+$"))
    for canvas in page.locator("canvas[role=img]:visible").all():
        expect(canvas).not_to_have_attribute("aria-label", re.compile(r"nothing|not loaded"))
    lane(page, IDS[0]).locator(".phone-table summary").click()
    rows = lane(page, IDS[0]).locator(".phone-table tbody tr")
    expect(rows.nth(1)).to_have_text(re.compile(r"^AE\s*0\.21\s*0\.31"))


def test_nothing_is_announced_to_whoever_does_not_want_it(visit: Visit, clip: Path) -> None:
    page = visit()
    page.locator("#help").click()
    page.locator("#speak").uncheck()
    page.keyboard.press("Escape")
    choose_file(page, clip)
    start(page)
    await_state(page, IDS[0])
    expect(lane(page, IDS[0]).locator(".save-json")).to_be_enabled()
    assert page.locator("[aria-live=polite]").inner_text() == ""


def test_on_a_phone_nothing_is_wider_than_the_screen_or_too_small_to_touch(
    visit: Visit, clip: Path
) -> None:
    page = visit(viewport=PHONE, device_scale_factor=2, has_touch=True)
    choose_backends(page, IDS[0], IDS[1])
    choose_file(page, clip)
    start(page)
    for backend in IDS[:2]:
        await_state(page, backend)
    for summary in page.locator("summary").all():
        summary.click()
    wide = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
    assert max(wide) <= PHONE["width"]
    page.locator("#help").click()
    assert page.locator("dialog").evaluate("box => box.getBoundingClientRect().right") <= 360
    page.keyboard.press("Escape")
    for control in page.locator("button:visible, select:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24, control.inner_text()


def test_canvases_are_as_fine_as_the_screen(visit: Visit) -> None:
    page = visit(device_scale_factor=2)
    canvas = page.locator("#waveform")
    expect(canvas).not_to_have_js_property("width", 300)  # that of one never drawn upon
    assert canvas.evaluate("at => at.width === Math.round(2 * at.clientWidth)")


def test_whoever_wants_it_still_sees_no_replay(visit: Visit, clip: Path) -> None:
    page = visit(reduced_motion="reduce")
    choose_file(page, clip, fast=False)
    start(page)
    await_state(page, IDS[0])
    note = lane(page, IDS[0]).locator(".array-note")
    expect(note).to_contain_text("What each part works on longest")
    expect(lane(page, IDS[0])).to_have_attribute("data-replays", "0")


def test_a_theme_that_was_chosen_is_kept(visit: Visit) -> None:
    page = visit(color_scheme="light")
    for _ in range(2):
        page.locator("#theme").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#theme")).to_have_text("Theme: dark")
