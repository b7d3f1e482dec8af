"""vau-link/1: what goes over the wire, to the byte, and what is no frame."""

import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import ROOT
from tests.test_docs import blocks
from vau_backends.board.device.image import TABLES_CRC
from vau_backends.board.link import cobs, vectors
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import CRC, DELIMITER, OVERHEAD, Frame, wire_bytes
from vau_backends.board.link.info import Info
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.payloads import Config, StatePart, state_crc
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.words import after

RESIDUE = 0xDEBB20E3  # of the CRC's register over itself, before its bits are inverted

FRAMES = st.builds(
    Frame,
    op=st.integers(0, 255),
    session=st.integers(0, 65535),
    seq=st.integers(0, 65535),
    status=st.integers(0, 255),
    credits=st.integers(0, 255),
    die=st.integers(0, 255),
    array=st.integers(0, 255),
    address=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=600) | st.integers(0, 600).map(bytes),
)


def test_the_document_shows_the_vectors_that_the_code_makes() -> None:
    (shown,) = blocks("docs/vau-link-1.md", "text")
    assert shown == vectors.text()


def test_the_document_says_the_crc_of_the_tables() -> None:
    page = (ROOT / "docs/vau-link-1.md").read_text("utf-8")
    assert f"0x{TABLES_CRC:08X} for those of `munt-spec-0`" in page


@pytest.mark.parametrize(
    ("plain", "stuffed"),
    [  # the published examples: docs/vau-link-1.md, section 1, names them
        ("", "01"),
        ("00", "0101"),
        ("0000", "010101"),
        ("00112200", "0103112201"),
        ("11220033", "0311220233"),
        ("11223344", "0511223344"),
        ("11000000", "0211010101"),
    ],
)
def test_bytes_are_stuffed_as_published(plain: str, stuffed: str) -> None:
    assert cobs.encode(bytes.fromhex(plain)).hex() == stuffed


@pytest.mark.parametrize("length", [253, 254, 255, 508, 509])
def test_a_full_block_stands_for_no_zero(length: int) -> None:
    stuffed = cobs.encode(bytes([7]) * length)
    assert len(stuffed) == length + -(-length // 254)
    assert cobs.decode(stuffed) == bytes([7]) * length


def test_a_full_block_may_be_followed_by_an_empty_one() -> None:
    assert cobs.decode(b"\xff" + bytes([7]) * 254 + b"\x01") == bytes([7]) * 254


@given(st.binary(max_size=2000) | st.integers(0, 2000).map(lambda n: bytes([1]) * n))
def test_what_is_stuffed_has_no_zero_and_comes_back(data: bytes) -> None:
    stuffed = cobs.encode(data)
    assert 0 not in stuffed
    assert len(stuffed) <= len(data) + max(1, -(-len(data) // 254))
    assert cobs.decode(stuffed) == data


@given(FRAMES)
def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    data = frame.encode()
    assert data.startswith(DELIMITER)
    assert len(data) <= wire_bytes(len(frame.payload))
    assert Frame.decode(data.strip(DELIMITER)) == frame


@given(FRAMES)
def test_the_crc_over_itself_leaves_the_published_residue(frame: Frame) -> None:
    body = cobs.decode(frame.encode().strip(DELIMITER))
    assert zlib.crc32(body) ^ 0xFFFFFFFF == RESIDUE


@given(FRAMES, st.data())
def test_a_frame_with_a_flipped_bit_is_none(frame: Frame, data: st.DataObject) -> None:
    body = bytearray(cobs.decode(frame.encode().strip(DELIMITER)))
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    body[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Junk):
        Frame.decode(cobs.encode(bytes(body)))


@pytest.mark.parametrize("length", [3, 5])
def test_a_length_that_is_not_the_payloads_makes_no_frame(length: int) -> None:
    body = bytearray(cobs.decode(Frame(op=1, payload=b"four").encode().strip(DELIMITER)))[:-4]
    body[10] = length
    with pytest.raises(Junk, match=f"len={length}"):
        Frame.decode(cobs.encode(bytes(body) + CRC.pack(zlib.crc32(body))))


def test_more_payload_than_the_receiver_takes_makes_no_frame() -> None:
    chunk = Frame(op=1, payload=bytes(257)).encode().strip(DELIMITER)
    assert len(Frame.decode(chunk, 257).payload) == 257
    with pytest.raises(Junk):
        Frame.decode(chunk, 256)


@given(
    st.lists(FRAMES | st.binary(min_size=1, max_size=19).map(lambda b: b.replace(b"\0", b"?"))),
    st.randoms(use_true_random=False),
)
def test_frames_are_found_between_junk_however_the_stream_is_cut(
    sent: list[Frame | bytes],
    random: Random,
) -> None:
    pieces = [
        each.encode() if isinstance(each, Frame) else b"\0" + each + b"\0" for each in sent
    ]
    stream = b"".join(pieces)
    chunks = Chunks()
    found: list[Frame | None] = []
    at = 0
    while at < len(stream):
        size = random.randint(1, 40)
        found += chunks.push(stream[at : at + size])
        at += size
    assert found == [each if isinstance(each, Frame) else None for each in sent]
    junk = [each for each in sent if isinstance(each, bytes)]
    assert chunks.junk_bytes == sum(map(len, junk))
    assert chunks.first_junk == (junk[0] if junk else b"")


def test_junk_without_end_takes_no_memory() -> None:
    chunks = Chunks(256)
    for _ in range(100):
        assert list(chunks.push(b"x" * 1000)) == []
    assert list(chunks.push(b"\0")) == [None]
    assert chunks.junk_bytes == 100_000
    assert chunks.first_fault == "100000 bytes, more than a frame takes"
    assert list(chunks.push(Frame(op=1).encode())) == [Frame(op=1)]


def test_a_longer_info_block_is_read_as_far_as_it_is_known() -> None:
    info = vectors.BOARD
    block = bytearray(info.encode() + b"more")
    block[3] = len(block)
    assert Info.decode(bytes(block)) == info


def test_an_info_block_that_lies_about_its_length_is_none() -> None:
    with pytest.raises(Junk):
        Info.decode(vectors.BOARD.encode()[:-1])


def test_an_instrument_that_is_not_there_reads_none_and_never_zero() -> None:
    readings = Readings.decode(Readings(power_w=0.0).encode())
    assert (readings.power_w, readings.temperature_c, readings.energy_j) == (0.0, None, None)


@given(st.integers(0, 2**24 - 1), st.binary(max_size=100), st.binary(max_size=100))
def test_a_running_crc_goes_on_from_part_to_part(step: int, one: bytes, other: bytes) -> None:
    whole = state_crc(step, one + other)
    assert zlib.crc32(other, state_crc(step, one)) == whole
    part = StatePart(step, whole, other)
    assert StatePart.decode(part.encode()) == part


def test_a_configuration_has_sixteen_bytes() -> None:
    config = Config(
        rows=1, columns=2, hidden=3, inputs=4, units_per_die=3, h_per_die=2, x_per_die=2
    )
    assert Config.decode(config.encode()) == config
    assert len(config.encode()) == 16


@given(st.integers(1, 65535))
def test_numbers_of_requests_never_come_to_zero(seq: int) -> None:
    assert after(seq) == (seq + 1 if seq < 65535 else 1)


def test_the_smallest_frame_is_twenty_bytes() -> None:
    assert len(cobs.decode(Frame(op=1).encode().strip(DELIMITER))) == OVERHEAD == 20
