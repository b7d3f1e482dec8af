"""The live page by keyboard alone."""

import re
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Visit
from tests.web.site import IDS
from tests.web.visitor import await_frames, await_state, choose_file, lane, start

pytestmark = pytest.mark.web

REACHED: Final = """() => {
    const at = document.activeElement;
    const seen = at.matches("input[type=radio]") ? at.nextElementSibling : at;
    const style = getComputedStyle(seen);
    const place = [...document.querySelectorAll("*")].indexOf(at);
    return [at.id || (at.name ? `${at.name} ${at.value}` : `${at.tagName} ${place}`),
            style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""


def tabbed(page: Page, most: int = 40) -> dict[str, bool]:
    """Press Tab until it comes round; return what it reached, and whether that can be seen."""
    reached: dict[str, bool] = {}
    for _ in range(most):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(REACHED)
        if name.startswith("BODY") or name in reached:
            break
        reached[name] = is_seen
    return reached


def test_every_control_is_reached_by_tab_and_shows_that_it_is(visit: Visit, clip: Path) -> None:
    page = visit()
    expect(page.locator("#start")).to_be_enabled()
    reached = tabbed(page)
    assert {
        "theme",
        "help",
        "source microphone",
        "backend-0",
        "backend-1",
        "start",
    } <= reached.keys()
    choose_file(page, clip)
    start(page)
    await_state(page, IDS[0])
    for control in ("#seek", "#clear"):
        expect(page.locator(control)).to_be_enabled()
    page.locator("#theme").focus()
    reached |= tabbed(page)
    missed = {"file", "fast", "clear", "seek", "narrower", "wider", "follow"} - reached.keys()
    assert not missed
    assert [name for name, is_seen in reached.items() if not is_seen] == []


def test_a_recording_is_heard_and_looked_at_without_a_mouse(visit: Visit, clip: Path) -> None:
    page = visit()
    expect(page.locator("#start")).to_be_enabled()
    page.keyboard.press("f")
    expect(page.locator("input[value=file]")).to_be_focused()
    page.locator("#file").set_input_files(
        clip
    )  # the system's own dialog is no part of the page
    page.locator("#start").press("Enter")
    await_frames(page, IDS[0], 100)
    page.locator("main").press("Space")
    await_state(page, IDS[0])
    for _ in range(4):
        page.locator("#narrower").press("Enter")
    # All four are drawn, 4 s / 1.5 ** 4: Home goes to the least of what is.
    expect(page.locator("#seek")).to_have_attribute("min", "0.8")
    expect(page.locator("#seek")).to_be_enabled()
    page.locator("#seek").press("Home")
    expect(page.locator("#seek")).to_have_attribute("aria-valuetext", re.compile(r"^0\.0 to "))
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("l")
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("c")
    expect(lane(page, IDS[0]).locator(".text")).to_have_text("Phones appear here.")


def test_help_opens_and_closes_by_key_and_can_switch_single_keys_off(visit: Visit) -> None:
    page = visit()
    expect(page.locator("#start")).to_be_enabled()
    dark = re.compile("dark")
    page.locator("#help").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("t")  # of no use while the dialog is open
    page.locator("#keys").press("Space")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#help")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator("#theme")).to_have_text("Theme: as the system")
    page.locator("#help").press("Enter")
    page.locator("#keys").press("Space")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.press("t")
    expect(page.locator("#theme")).to_have_text(dark)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
