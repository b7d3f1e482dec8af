"""What the watch over a board says while something is wrong with it."""

import threading
from collections.abc import Iterator

import pytest

from vau.errors import DeviceLost, DeviceTimeout, VauError
from vau_backends.board.device import watch
from vau_backends.board.device.watch import Watch


def test_what_lasts_is_told_once_and_told_again_when_it_comes_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.0)
    gone, late = DeviceLost("gone"), DeviceTimeout("late", stage="open")
    errors: Iterator[VauError | None] = iter([gone, gone, late, gone, late, None, late])
    seen = threading.Event()

    def look(_idle_s: float) -> None:
        try:
            error = next(errors)
        except StopIteration:
            seen.set()
            return
        if error is not None:
            raise error

    ours = Watch(threading.Lock(), look, "board")
    assert seen.wait(60.0)
    ours.close()
    assert caplog.messages == ["board watch: gone", "board watch: late", "board watch: late"]


def test_what_lasts_long_is_told_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0.0)
    monkeypatch.setattr(watch, "TELL_AGAIN_S", -1.0)
    looks, seen = iter(range(3)), threading.Event()

    def look(_idle_s: float) -> None:
        if next(looks, None) is None:
            seen.set()
            return
        raise DeviceLost("gone")

    ours = Watch(threading.Lock(), look, "board")
    assert seen.wait(60.0)
    ours.close()
    assert caplog.messages == ["board watch: gone"] * 3
