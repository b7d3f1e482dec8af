"""What a visitor does and sees."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

FINISHED: Final = "finished"


def lane(page: "Page", backend: str) -> "Locator":
    return page.locator(f'.lane[data-backend="{backend}"]')


def choose_file(page: "Page", file: Path | dict[str, object], *, fast: bool = True) -> None:
    """Choose a recording, and at which pace it goes out."""
    page.get_by_role("radio", name="File").check()
    page.locator("#file").set_input_files(file)
    page.locator("#fast").set_checked(fast)


def choose_backends(page: "Page", first: str, beside: str = "") -> None:
    page.locator("#backend-0").select_option(first)
    page.locator("#backend-1").select_option(beside)


def start(page: "Page") -> None:
    page.get_by_role("button", name="Start").click()


def await_state(page: "Page", backend: str, state: str = FINISHED) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 - may not be there

    expect(lane(page, backend)).to_have_attribute("data-state", state)


def await_frames(page: "Page", backend: str, at_least: int) -> None:
    """Wait until so many frames, a power of ten, are answered."""
    from playwright.sync_api import expect  # noqa: PLC0415 - may not be there

    digits = len(str(at_least)) - 1
    assert at_least == 10**digits
    several = re.compile(rf"^[1-9]\d{{{digits},}}$")
    expect(lane(page, backend)).to_have_attribute("data-frames", several)


def digests(page: "Page", backend: str) -> list[str]:
    """Return the digest of what came out, and of what went in, as the page shows them."""
    lane(page, backend).locator(".digests summary").click()
    found: list[str] = lane(page, backend).locator(".digests dd").all_inner_texts()
    return found


def phones(page: "Page", backend: str) -> list[str]:
    """Return the transcript, without silence."""
    text: str = lane(page, backend).locator(".text").inner_text()
    return text.replace("·", " ").split()
