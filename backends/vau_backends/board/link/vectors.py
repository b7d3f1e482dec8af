"""The test vectors of docs/vau-link-1.md: frames that say everything once.

python -m vau_backends.board.link.vectors          print them as they stand there
"""

import sys
from collections.abc import Iterator
from typing import Final

from vau_backends.board.link.frame import Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import (
    COUNT,
    OWNER,
    Config,
    FaultReport,
    StatePart,
    StateRefusal,
    Stepped,
    state_crc,
)
from vau_backends.board.link.telemetry import CoreCounters, LinkCounters, Readings
from vau_backends.board.link.words import (
    JUNK_ANSWER,
    REPLY,
    Capability,
    Kind,
    Operation,
    Region,
    Status,
    address,
)

SESSION: Final = 0xBEE5
NONCE: Final = 0x600DCAFE
LINE_BYTES: Final = 32
_CONFIG: Final = Config(
    rows=2, columns=2, hidden=8, inputs=7, units_per_die=4, h_per_die=4, x_per_die=4
)
_STATE: Final = bytes(range(1, 9)) + bytes(range(16, 32))
BOARD: Final = Info(
    kind=Kind.FPGA,
    rtl_hash=bytes(range(0xA0, 0xB0)),
    serial=0x0123456789ABCDEF,
    units=4,
    inputs=4,
    rows=2,
    columns=2,
    contexts=2,
    clock_hz=10_000_000,
    most_payload=256,
    window=4,
    capabilities=Capability(0x1F),
    nonce=NONCE,
    tables_crc=0x1B2C3D4E,
    rate_hz=10_000_000,
    buffer_bytes=2048,
)
_READINGS: Final = Readings(
    temperature_c=31.5,
    power_w=0.009,
    window_s=0.1,
    samples=12,
    link=LinkCounters(frames=300, junk_chunks=2, junk_bytes=17, longest_frame=276),
    core=CoreCounters(steps=1000, cycles=168_000, uptime_cycles=1 << 33),
)


def _request(op: Operation, seq: int, **fields: int | bytes) -> Frame:
    return Frame(op=op, session=SESSION, seq=seq, **fields)  # type: ignore[arg-type]


def _reply(op: int, seq: int, **fields: int | bytes) -> Frame:
    return Frame(op=op | REPLY, session=SESSION, seq=seq, credits=4, **fields)  # type: ignore[arg-type]


def frames() -> Iterator[tuple[str, Frame]]:
    """Yield a conversation with a board of 2x2 dies of 4 units, each frame by its name."""
    yield "INFO, asked as number 7", Frame(op=Operation.INFO, seq=7)
    yield (
        "INFO, of a board that nobody owns",
        Frame(op=Operation.INFO | REPLY, seq=7, credits=4, payload=BOARD.encode()),
    )
    yield "OPEN", Frame(op=Operation.OPEN, seq=8, payload=OWNER.pack(SESSION, NONCE))
    yield (
        "CONFIG, NH = 8, NI = 7 on 2x2",
        _request(Operation.CONFIG, 1, payload=_CONFIG.encode()),
    )
    yield "CONFIG, done", _reply(Operation.CONFIG, 1)
    rows = bytes([*range(-4 % 256, 256), *range(4)])
    yield (
        "WRITE, weights, rows 3 and 4 of die 2",
        _request(Operation.WRITE, 2, die=2, address=address(Region.WEIGHTS, 3), payload=rows),
    )
    yield (
        "SUM, those two rows",
        _request(
            Operation.SUM, 3, die=2, address=address(Region.WEIGHTS, 3), payload=COUNT.pack(2)
        ),
    )
    x = bytes([64, 224, 100, 0, 128, 127, 1])
    yield "STEP 5 of context 1", _request(Operation.STEP, 4, address=address(1, 5), payload=x)
    yield (
        "STEP, done",
        _reply(
            Operation.STEP,
            4,
            address=address(1, 5),
            payload=Stepped(168, 3, bytes([0, 0, 54, 230, 1, 255, 0, 0])).encode(),
        ),
    )
    yield (
        "STATE_SET, first 20 of 24 bytes, step 6",
        _request(
            Operation.STATE_SET,
            5,
            address=address(1, 0),
            payload=StatePart(6, state_crc(6, _STATE[:20]), _STATE[:20]).encode(),
        ),
    )
    yield (
        "STATE_SET, the last 4",
        _request(
            Operation.STATE_SET,
            6,
            address=address(1, 20),
            payload=StatePart(6, state_crc(6, _STATE), _STATE[20:]).encode(),
        ),
    )
    yield (
        "STEP 9 of a context that has had 6",
        _reply(
            Operation.STEP,
            7,
            status=Status.STATE,
            address=address(1, 9),
            payload=StateRefusal(is_configured=True, context=1, step=6).encode(),
        ),
    )
    yield (
        "STEP, a beat missing in die 1",
        _reply(
            Operation.STEP,
            8,
            status=Status.FAULT,
            die=1,
            address=address(1, 6),
            payload=FaultReport(cause=1, phase=5, gate=2).encode(),
        ),
    )
    yield "TELEM", _reply(Operation.TELEM, 9, payload=_READINGS.encode())
    yield "to junk, behind number 9", _reply(JUNK_ANSWER, 9, status=Status.CRC)
    yield "to number 12 out of turn", _reply(Operation.TELEM, 12, status=Status.SEQ, address=10)


def text() -> str:
    """Return them as they stand in the document."""
    lines = []
    for name, frame in frames():
        data = frame.encode().hex()
        lines.append(f"# {name}")
        lines += [data[at : at + 2 * LINE_BYTES] for at in range(0, len(data), 2 * LINE_BYTES)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
