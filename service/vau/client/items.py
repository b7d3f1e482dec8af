"""What a caller may say in a stream, made into what is sent."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, TypeVar

from numpy.typing import NDArray

from vau.client.asker import Answer, Asker
from vau.client.kept import Item
from vau.errors import ConfigInvalid
from vau.v1 import speech_pb2 as pb

Sound = bytes | bytearray | memoryview | NDArray[Any]
"""Audio as bytes, or as an array of samples."""

Said = Sound | pb.Control
"""A piece of audio, or a control."""

BYTES: Final = frozenset({"B", "b", "c"})
LITTLE: Final = frozenset({"", "@", "=", "<"})  # the first three: this machine's own order
_FORMATS: Final = {
    pb.AudioFormat.ENCODING_LINEAR16: "h",
    pb.AudioFormat.ENCODING_FLOAT32: "f",
}
T = TypeVar("T")


def check_items(items: object) -> None:
    """Raise ConfigInvalid if ``items`` are the audio itself: they are to yield it in pieces."""
    if isinstance(items, str) or _view(items) is not None:
        raise ConfigInvalid(
            f"audio: is {_kind(items)}, and is to be what yields the audio piece by piece; "
            "give [audio], or a generator",
            field="audio",
        )
    if not isinstance(items, Iterable | AsyncIterable):
        raise ConfigInvalid(
            f"audio: {_kind(items)} yields nothing; give a list of pieces, or a generator",
            field="audio",
        )


def items_of(
    items: Iterable[Said], encoding: pb.AudioFormat.Encoding = pb.AudioFormat.ENCODING_LINEAR16
) -> Iterator[Item]:
    """Yield what ``items`` yield as it is sent.

    encoding: what samples in an array have to be.
    Raises    ConfigInvalid for what is neither audio nor a control.
    """
    for item in items:
        yield item_of(item, encoding)


async def items_as_they_come(
    items: AsyncIterable[Said] | Iterable[Said], encoding: pb.AudioFormat.Encoding
) -> AsyncIterator[Item]:
    """Do the same for asyncio. What is no asynchronous iterable is asked on a thread."""
    async for item in items if isinstance(items, AsyncIterable) else _asked(items):
        yield item_of(item, encoding)


async def _asked(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield what ``items`` yield, which may wait. Raises what they raise."""
    loop, answers = asyncio.get_running_loop(), asyncio.Queue[Answer[T]]()

    def tell(answer: Answer[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
            loop.call_soon_threadsafe(answers.put_nowait, answer)

    with Asker(items, tell) as asker:
        while True:
            asker.want()
            if not (taken := (await answers.get()).taken()):
                return
            yield taken[0]


def item_of(item: Said, encoding: pb.AudioFormat.Encoding) -> Item:
    """Return one piece as it is sent. Raises as ``items_of``."""
    return item if isinstance(item, pb.Control) else sound_of(item, encoding)


def sound_of(item: Sound, encoding: pb.AudioFormat.Encoding) -> bytes:
    """Return audio as it is sent. Raises as ``items_of``."""
    if isinstance(item, bytes):
        return item
    view = _view(item)
    if view is None or not view.shape:  # a sample alone is an array without a shape
        raise ConfigInvalid(
            f"audio: a piece is {_kind(item)}; yield bytes, an array of samples or a Control",
            field="audio",
        )
    if view.format in BYTES:
        return view.tobytes()
    wanted = _FORMATS.get(encoding)
    order, kind = view.format[:-1], view.format[-1:]
    if wanted is None or kind != wanted or order not in LITTLE or view.ndim != 1:
        name = pb.AudioFormat.Encoding.Name(encoding).removeprefix("ENCODING_")
        raise ConfigInvalid(
            f"audio: an array of {view.ndim} dimensions and format {view.format!r} is no "
            f"{name}; convert it, or give its bytes",
            field="audio",
        )
    return view.tobytes()


def _view(item: object) -> memoryview | None:
    try:
        return memoryview(item)  # type: ignore[arg-type] # it is tried whether it can be one
    except (TypeError, ValueError):
        return None


def _kind(item: object) -> str:
    return f"of type {type(item).__name__}"
