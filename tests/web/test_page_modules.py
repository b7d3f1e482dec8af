"""What the modules of the live page compute, in the browser that runs them."""

import base64
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from tests.audio import encoded, noise, tone
from tests.web.conftest import PATIENCE_MS
from tests.web.site import Site
from vau.percentiles import nearest_ranks

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def page(browser: Browser, page_of: Site) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(page_of.url)
    yield page
    context.close()


def call(page: Page, module: str, body: str, given: object) -> Any:  # noqa: ANN401 - JSON
    """Run ``body`` with the module as ``m`` and ``given``."""
    return page.evaluate(
        f"async (given) => {{ const m = await import('/page/{module}.js'); {body} }}", given
    )


def test_posteriors_are_read_to_the_bit(page: Page) -> None:
    values = np.random.default_rng(1).normal(size=999).astype("<f4")
    sent = base64.b64encode(values.tobytes()).decode()
    read = call(page, "numbers", "return Array.from(m.floatsOf(given))", sent)
    np.testing.assert_array_equal(np.array(read, dtype=np.float32), values)


def test_percentiles_are_values_that_occurred_as_elsewhere(page: Page) -> None:
    values = np.sort(np.random.default_rng(2).exponential(size=1001))
    body = "return [0.5, 0.99].map((share) => m.percentile(given, share))"
    assert call(page, "numbers", body, values.tolist()) == nearest_ranks(values, [50, 99])


def test_a_stream_that_cannot_go_on_is_told_to_a_visitor(page: Page) -> None:
    error = {"code": "INVALID_ARGUMENT", "reason": "RESUME_INVALID", "message": "resume_token"}
    assert call(page, "server", "return m.inWords('a', given)", error) == (
        "a: The server was started anew and cannot go on with this stream; start again."
    )


def test_figures_have_three_digits_and_the_prefix_that_suits_them(page: Page) -> None:
    given = [0.0044193, 0.00099996, 812e-6, 9.996e-6, 44.2e-6, 0, 7.0]
    body = "return given.map((value) => m.withUnit(value, 'J'))"
    expected = ["4.42 mJ", "1.00 mJ", "812 µJ", "10.0 µJ", "44.2 µJ", "0 J", "7.00 J"]
    assert call(page, "numbers", body, given) == expected


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype", "is_ours"),
    [
        (16_000, 1, "PCM_16", True),
        (44_100, 1, "PCM_16", False),
        (16_000, 2, "PCM_16", False),
        (16_000, 1, "FLOAT", False),
    ],
)
def test_a_wav_whose_samples_may_go_out_as_they_are_is_told_from_others(
    page: Page, rate_hz: int, channels: int, subtype: str, *, is_ours: bool
) -> None:
    samples = noise(321, channels)
    for container in ("WAV", "WAVEX"):
        file = encoded(samples, container, subtype, rate_hz)
        body = """const wave = m.readWave(Uint8Array.from(given).buffer);
                  return [wave.isOurs, Array.from(wave.pcm)]"""
        told, pcm = call(page, "wave", body, list(file))
        assert told is is_ours
        if is_ours:
            assert bytes(pcm) == samples.astype("<i2").tobytes()


def test_what_is_no_wav_is_no_wav(page: Page) -> None:
    wav = encoded(noise(10))
    for given in (b"", b"RIFF", wav[:11], wav[:30], b"OggS" + wav[4:]):
        body = "return m.readWave(Uint8Array.from(given).buffer)"
        assert call(page, "wave", body, list(given)) is None


RESAMPLED = """const resampler = new m.Resampler(given.from, 16000);
    const out = [];
    for (let at = 0; at < given.samples.length; at += given.cut) {
        out.push(...resampler.push(Float32Array.from(given.samples.slice(at, at + given.cut))));
    }
    return out"""


def resampled(page: Page, samples: NDArray[np.float64], rate_hz: int, cut: int) -> list[float]:
    given = {"from": rate_hz, "samples": samples.tolist(), "cut": cut}
    found: list[float] = call(page, "resample", RESAMPLED, given)
    return found


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 8_000])
def test_a_tone_is_resampled_as_by_soxr_however_it_is_cut(page: Page, rate_hz: int) -> None:
    samples = tone(rate_hz // 5, rate_hz)[:, 0] / 32768
    ours = resampled(page, samples, rate_hz, 128)
    assert ours == resampled(page, samples, rate_hz, 1001)
    theirs = soxr.resample(samples, rate_hz, 16_000)
    middle = slice(400, len(ours) - 400)
    # 60 dB below the tone: the two filters are not the same.
    np.testing.assert_allclose(ours[middle], theirs[: len(ours)][middle], atol=0.5e-3)


def test_what_16_khz_cannot_hold_is_gone(page: Page) -> None:
    samples = tone(9_600, 48_000, frequency_hz=9_000)[:, 0] / 32768
    assert np.abs(resampled(page, samples, 48_000, 128)[400:-400]).max() < 1e-3


def test_blocks_are_cut_anew_without_a_sample_lost(page: Page) -> None:
    body = """const recut = new m.Recut(160);
        const blocks = [];
        for (let at = 0; at < 1024; at += 128) {
            blocks.push(...recut.push(Float32Array.from({length: 128}, (_, k) => at + k)));
        }
        return blocks.map((block) => Array.from(block))"""
    blocks = call(page, "resample", body, None)
    assert [len(block) for block in blocks] == [160] * 6
    assert list(chain.from_iterable(blocks)) == list(range(960))


def test_samples_become_16_bits_and_what_is_louder_is_clipped(page: Page) -> None:
    body = "return Array.from(m.pcmOf(Float32Array.from(given)))"
    sent = bytes(call(page, "wave", body, [0.0, 1.0, -1.0, 2.0, 0.5, 3 / 32768]))
    assert np.frombuffer(sent, "<i2").tolist() == [0, 32767, -32768, 32767, 16384, 3]


def test_a_phone_is_missing_where_the_other_has_none_of_that_name_at_that_time(
    page: Page,
) -> None:
    one = [("A", 0.0, 0.1), ("B", 0.1, 0.2), ("C", 0.2, 0.3)]
    other = [("A", 0.05, 0.12), ("C", 0.12, 0.15), ("D", 0.15, 0.2), ("C", 0.25, 0.4)]
    body = """const made = given.map((phones) =>
            phones.map(([symbol, from, to]) => ({symbol, from, to})));
        return [[0, 1], [1, 0]].map(([mine, others]) =>
            [...m.missingFrom(made[others], made[mine])]
                .map((phone) => phone.symbol + phone.from))"""
    assert call(page, "apart", body, [one, other]) == [["B0.1"], ["C0.12", "D0.15"]]


def test_colours_grow_evenly_darker_or_lighter(page: Page) -> None:
    for theme, sign in (("light", -1), ("dark", 1)):
        table = call(page, "colours", f"return Array.from(m.ramp('{theme}'))", None)
        red, green, blue = np.array(table).reshape(256, 4)[:, :3].T / 255
        lightness = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        assert (sign * np.diff(lightness) > -0.004).all()


def test_sound_that_waits_is_sent_to_a_backend_without_checkpoints(page: Page) -> None:
    body = """const real = globalThis.WebSocket, sockets = [], failures = [];
        globalThis.WebSocket = class {
            constructor() { this.said = []; sockets.push(this); }
            send(message) { this.said.push(message); }
            close() {}
        };
        const tell = (socket, message) => socket.onmessage({data: JSON.stringify(message)});
        try {
            const on = {response() {}, failed: (error) => failures.push(error)};
            const stream = new m.Stream("", "", "toy", on);
            sockets[0].onopen();
            stream.send(Uint8Array.from([1, 2])); // as a microphone does
            tell(sockets[0], {error: {reason: "CAPABILITY_MISSING"}});
            sockets[0].onclose({code: 4012});
            for (const socket of sockets.slice(1)) {
                socket.onopen();
                tell(socket, {started: {}});
            }
        } finally {
            globalThis.WebSocket = real;
        }
        return [failures, ...sockets.map(({said: [first, ...audio]}) =>
            [JSON.parse(first).config.checkpointInterval ?? "", ...audio.map((at) => [...at])]
        )]"""
    assert call(page, "stream", body, None) == [[], ["1s"], ["", [1, 2]]]


def test_the_file_of_a_wav_may_be_cut_off_or_of_unknown_length(page: Page) -> None:
    samples = noise(100)
    file = bytearray(encoded(samples))
    at = file.index(b"data") + 4
    file[at : at + 4] = b"\xff\xff\xff\xff"
    cut = file[:-7]
    body = "return Array.from(m.readWave(Uint8Array.from(given).buffer).pcm)"
    assert bytes(call(page, "wave", body, list(cut))) == samples.tobytes()[:-8]


@pytest.mark.parametrize(
    ("misses", "paced", "pace", "says"),
    [
        (51, True, 1.5, "the backend takes 1.50 s for each second of audio"),
        (51, True, 0.2, "the server's host is busy, or too slow"),
        (50, True, 1.5, ""),
        (51, False, 1.5, ""),
    ],
)
def test_why_most_frames_are_late_is_said_if_they_were_to_be_live(
    page: Page, misses: int, pace: float, says: str, *, paced: bool
) -> None:
    body = """return m.lateInWords({ isPaced: given[1], pace: given[2],
                delayFigures: () => ({ frames: 100, misses: given[0] }) })"""
    told = call(page, "delays", body, [misses, paced, pace])
    assert says in told
    assert bool(told) is bool(says)


@pytest.mark.parametrize("width", [1024, 1280])
def test_start_stays_where_it_is_whatever_sound_is_chosen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    places = []
    for source in ("Microphone", "File"):
        page.get_by_role("radio", name=source).check()
        box = page.get_by_role("button", name="Start").bounding_box()
        assert box is not None
        places.append((box["x"], box["y"]))
    assert places[0] == pytest.approx(places[1], abs=4)


def test_the_transcript_comes_next_to_the_posteriors_for_whoever_reads_on(page: Page) -> None:
    assert page.locator("#lanes .posteriors + .transcript").count() == 1
