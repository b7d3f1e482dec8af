"""One browser for all tests, one server for most, and an eye on the console."""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.web.site import BACKENDS, CLIP, Site, of, site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

# Without Playwright there is nothing here: ./run e2e-web brings it.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

CHROMIUM: Final = shutil.which("chromium") or "chromium"
PATIENCE_MS: Final = 120_000  # for what must happen, on however busy a machine
NO_SANDBOX: Final = "--no-sandbox"  # Chromium refuses to run as root with one
LISTENING: Final = [
    NO_SANDBOX,
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--use-file-for-fake-audio-capture={CLIP}%noloop",
    "--autoplay-policy=no-user-gesture-required",
]

Visit = Callable[..., "Page"]


@pytest.fixture(scope="session")
def playwright() -> "Iterator[Playwright]":
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - may not be there

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: "Playwright") -> "Iterator[Browser]":
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=LISTENING, timeout=PATIENCE_MS
    )
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), *of(*BACKENDS)) as served:
        yield served


@pytest.fixture
def visit(browser: "Browser", page_of: Site) -> Iterator[Visit]:
    """Return what opens the page; at the end no console may have complained.

    url:     of another server than that of most tests.
    expects: parts of complaints that are in order.
    """
    complaints: list[str] = []
    expected: list[str] = []
    opened: list[Any] = []

    def open_page(
        url: str = "",
        *,
        expects: str = "",
        by: "Browser | None" = None,
        **settings: Any,  # noqa: ANN401 - what Playwright takes
    ) -> "Page":
        settings = {"viewport": {"width": 1440, "height": 1000}} | settings
        context = (by or browser).new_context(**settings)
        opened.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        expected.extend([expects] if expects else [])
        page.on(
            "console",
            lambda said: (
                complaints.append(f"{said.text} {said.location}")
                if said.type in {"error", "warning"}
                else None
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url or page_of.url)
        return page

    yield open_page
    for context in opened:
        context.close()
    left = [each for each in complaints if not any(part in each for part in expected)]
    assert left == []


@pytest.fixture
def clip() -> Path:
    return CLIP
