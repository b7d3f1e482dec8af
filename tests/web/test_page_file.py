"""A recording on the live page: the bits of gRPC, or words that say why not."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from praatio import textgrid

from tests.audio import encoded, noise
from tests.web.conftest import Visit
from tests.web.site import IDS, Site, over_grpc
from tests.web.visitor import (
    await_frames,
    await_state,
    choose_backends,
    choose_file,
    digests,
    lane,
    phones,
    start,
)

pytestmark = pytest.mark.web


@pytest.mark.parametrize("fast", [True, False])
def test_a_wav_has_the_digests_and_the_phones_that_grpc_has(
    visit: Visit, page_of: Site, clip: Path, fast: bool
) -> None:
    page, backend = visit(), IDS[0]
    choose_file(page, clip, fast=fast)
    start(page)
    await_state(page, backend)
    said = over_grpc(page_of.server.grpc, backend)
    assert digests(page, backend) == [
        said.finished.output_digest.hex(),
        said.finished.input_digest.hex(),
    ]
    assert phones(page, backend) == said.phones
    assert f"{said.finished.frames} frames" in lane(page, backend).inner_text()


def test_what_is_said_to_be_finished_can_be_read_whole(visit: Visit, clip: Path) -> None:
    page, backend = visit(), IDS[0]
    lane(page, backend).evaluate(
        """lane => new MutationObserver(() => {
            if (lane.dataset.state === "finished")
                lane.dataset.readable ??= lane.querySelector(".text").innerText;
        }).observe(lane, {attributeFilter: ["data-state"]})"""
    )
    choose_file(page, clip)
    start(page)
    await_state(page, backend)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save JSON").click()
    heard = json.loads(download.value.path().read_text(encoding="utf-8"))
    readable = lane(page, backend).get_attribute("data-readable")
    assert readable is not None
    assert readable.replace("·", "SIL").split() == [each["symbol"] for each in heard["phones"]]


def test_what_is_finished_is_said_to_be_once(visit: Visit, clip: Path) -> None:
    page, backend = visit(), IDS[0]
    lane(page, backend).evaluate(
        """lane => new MutationObserver((changes) => {
            for (const {target} of changes)
                if (target.textContent === "finished")
                    lane.dataset.said = Number(lane.dataset.said ?? 0) + 1;
        }).observe(lane.querySelector(".state"), {childList: true})"""
    )
    choose_file(page, clip)
    start(page)
    await_state(page, backend)
    page.locator("#narrower").click()
    expect(page.locator("#seek")).to_have_attribute("min", "2.7")  # 4 s / 1.5: written anew
    expect(lane(page, backend)).to_have_attribute("data-said", "1")


def test_two_accelerators_hear_the_same_and_the_page_counts_where_they_differ(
    visit: Visit, page_of: Site, clip: Path
) -> None:
    page = visit()
    choose_backends(page, IDS[0], IDS[1])
    choose_file(page, clip)
    start(page)
    said = [over_grpc(page_of.server.grpc, backend) for backend in IDS[:2]]
    for backend, expected in zip(IDS[:2], said, strict=True):
        await_state(page, backend)
        assert digests(page, backend)[0] == expected.finished.output_digest.hex()
        assert phones(page, backend) == expected.phones
        assert " J" in lane(page, backend).locator(".amount").first.inner_text().replace(
            "m", " "
        )
        expect(lane(page, backend).locator(".origin").first).to_have_text("estimated")
    frames = len(said[0].best)
    differing = sum(one != other for one, other in zip(said[0].best, said[1].best, strict=True))
    assert differing
    expect(page.locator("#apart-figure")).to_contain_text(
        f"another most probable phone in {differing} of {frames} frames"
    )


def test_a_recording_at_its_own_pace_is_answered_while_it_plays(
    visit: Visit, clip: Path
) -> None:
    page, backend = visit(), IDS[0]
    choose_file(page, clip, fast=False)
    start(page)
    await_frames(page, backend, 100)
    page.get_by_role("button", name="Stop").click()
    await_state(page, backend)
    assert phones(page, backend)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#clock")).to_have_text("0.0 s")
    expect(lane(page, backend).locator(".text")).to_have_text("Phones appear here.")


def test_what_is_no_wav_of_16_khz_is_resampled_and_said_to_be(visit: Visit) -> None:
    page, backend = visit(), IDS[0]
    flac = encoded(noise(44_100, channels=2), "FLAC", rate_hz=44_100)
    choose_file(page, {"name": "noise.flac", "mimeType": "audio/flac", "buffer": flac})
    start(page)
    await_state(page, backend)
    expect(page.locator("#remark")).to_contain_text("decoded and made 16 kHz mono")
    expect(page.locator("#clock")).to_have_text("1.0 s")


def test_what_is_no_sound_is_refused_in_words(visit: Visit) -> None:
    page = visit()
    choose_file(page, {"name": "a.wav", "mimeType": "audio/wav", "buffer": b"not a sound"})
    start(page)
    expect(page.get_by_role("alert")).to_contain_text(
        "a.wav is nothing that this browser can play"
    )
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_a_dropped_recording_is_chosen(visit: Visit, clip: Path) -> None:
    page = visit()
    held = page.evaluate_handle(
        """() => {
            const held = new DataTransfer();
            held.items.add(new File([new Uint8Array(44)], "dropped.wav", {type: "audio/wav"}));
            return held;
        }"""
    )
    page.dispatch_event("main", "drop", {"dataTransfer": held})
    assert page.locator("#file").evaluate("file => file.files[0].name") == "dropped.wav"
    expect(page.get_by_role("button", name="Start")).to_be_enabled()


def test_the_phones_can_be_saved(visit: Visit, clip: Path, tmp_path: Path) -> None:
    page, backend = visit(), IDS[0]
    choose_file(page, clip)
    start(page)
    await_state(page, backend)
    saved = {}
    for name in ("Save JSON", "Save TextGrid"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        saved[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[name])
    heard = json.loads(saved["Save JSON"].read_text(encoding="utf-8"))
    assert [each["symbol"] for each in heard["phones"] if each["symbol"] != "SIL"] == phones(
        page, backend
    )
    assert heard["digests"]["output"] == digests(page, backend)[0]
    grid = textgrid.openTextgrid(str(saved["Save TextGrid"]), includeEmptyIntervals=False)
    labels = [entry.label for entry in grid.getTier("phones").entries]
    assert labels == [each["symbol"] for each in heard["phones"]]


def test_an_accelerator_is_drawn_part_by_part_or_said_to_have_no_schedule(
    visit: Visit, clip: Path
) -> None:
    page = visit()
    array = lane(page, IDS[0]).locator(".array")
    expect(array.locator("canvas")).to_have_attribute("aria-label", re.compile("12,340 cycles"))
    array.get_by_text("As a table").click()
    assert array.locator("tbody tr").count() == 3 * 16
    choose_file(page, clip, fast=False)
    start(page)
    expect(array.locator(".array-note")).to_contain_text(
        re.compile(r"estimated.*[1-9]\d* of [\d,]+ answered frames replayed")
    )
    expect(lane(page, IDS[0])).to_have_attribute("data-replays", re.compile(r"^[1-9]"))
    page.get_by_role("button", name="Stop").click()
    await_state(page, IDS[0])
    choose_backends(page, "float")
    expect(lane(page, "float").locator(".array-note")).not_to_be_empty()
    expect(lane(page, "float").locator(".array canvas")).to_be_hidden()
