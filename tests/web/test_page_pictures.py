"""The pictures of docs/live-page.md, taken of the page as it is."""

import os
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Visit
from tests.web.site import IDS
from tests.web.visitor import choose_backends, choose_file, lane, start

pytestmark = pytest.mark.web

FOLDER: Final = "LIVE_PAGE_PICTURES"
"""The variable that says where they go."""

VIEWS: Final = {
    "desktop": ({"width": 1360, "height": 900}, "light", IDS[:1], 1),
    "side-by-side": ({"width": 1360, "height": 900}, "light", IDS[:2], 1),
    "dark": ({"width": 1360, "height": 900}, "dark", IDS[:1], 1),
    "phone": ({"width": 360, "height": 1500}, "light", IDS[:1], 2),
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_page_is_pictured_while_it_hears(
    visit: Visit, clip: Path, tmp_path: Path, name: str
) -> None:
    folder = Path(os.environ.get(FOLDER) or tmp_path)
    viewport, theme, backends, scale = VIEWS[name]
    page = visit(viewport=viewport, color_scheme=theme, device_scale_factor=scale)
    choose_backends(page, *backends)
    choose_file(page, clip, fast=False)
    start(page)
    for backend in backends:
        # Three of its seven seconds.
        expect(lane(page, backend).locator(".text")).to_contain_text("K AH N S")
    page.screenshot(path=folder / f"{name}.png", full_page=name != "phone")
    assert (folder / f"{name}.png").stat().st_size > 20_000
