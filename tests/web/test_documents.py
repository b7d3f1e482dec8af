"""The site of the documents as readers have it: searched, narrow, dark, from here alone."""

import json
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.commands import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PYTHON: Final = ROOT / ".venv-docs/bin/python"
PATIENCE_MS: Final = 120_000
FOLDERS: Final = ("", "how-to", "reference")  # decisions and sources are plain text
PHONE: Final = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.web,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs .venv-docs, which ./run docs makes"),
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site."""
    folder = tmp_path_factory.mktemp("documents")
    built = subprocess.run(
        (PYTHON, "-m", "website", "--json", "--folder", folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(built.stdout)["problems"] == [], built.stderr
    return folder


@pytest.fixture(scope="module")
def address(documents: Path) -> Iterator[str]:
    """Return where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(documents)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def pages_in(documents: Path, folder: str) -> list[str]:
    return [str(path.relative_to(documents)) for path in (documents / folder).glob("*.html")]


def test_every_page_fits_a_phone_and_asks_nobody_else(
    browser: "Browser", documents: Path, address: str
) -> None:
    context = browser.new_context(viewport=PHONE, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    asked: set[str] = set()
    complaints: list[str] = []
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    too_wide = []
    names = [name for folder in FOLDERS for name in sorted(pages_in(documents, folder))]
    for name in names:
        page.goto(f"{address}/{name}")
        if page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
            too_wide.append(name)
    assert len(names) > 40
    assert too_wide == []
    assert complaints == []
    assert {url for url in asked if not url.startswith((address, "data:"))} == set()
    scheme = page.evaluate("document.body.getAttribute('data-md-color-scheme')")
    assert scheme == "slate"
    context.close()


def test_search_finds_what_a_word_means(browser: "Browser", address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/index.html")
    page.locator(".md-search__input").press_sequentially("checkpoint")  # it looks at keys
    page.wait_for_selector(".md-search-result__item")
    found = page.locator(".md-search-result__item h1").all_inner_texts()
    assert {"API", "Streams that survive"} <= {*found}
    context.close()
