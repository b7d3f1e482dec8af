"""A board on a serial port, or on a pseudo terminal that behaves as one.

Opened exclusively: the second opener is refused by the kernel, and, among programs that ask,
by an advisory lock. Serial ports need pyserial, the optional extra ``serial``; a pseudo
terminal needs nothing.
"""

import errno
import fcntl
import logging
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vau.errors import BackendBusy, BackendNotFound, DeviceLost, DevicePermission
from vau_backends.board.transport.port import Port

logger = logging.getLogger(__name__)

DEFAULT_BAUD: Final = 921_600
LEAST_BAUD: Final = 460_800  # below it speech is not live: docs/boards.md
SLOW_LATENCY_MS: Final = 2
USB_SERIAL: Final = Path("/sys/bus/usb-serial/devices")
_NO_TERMINAL: Final = (errno.ENOTTY, errno.EINVAL, errno.EISDIR)
_NOT_THERE: Final = (errno.ENOENT, errno.ENXIO, errno.ENODEV)
_HELD: Final = (errno.EBUSY, errno.EAGAIN)
_PSEUDO: Final = range(136, 144)  # major numbers: Linux, admin-guide/devices.txt


def open_pty(where: str) -> Port:
    """Open a pseudo terminal by its path. Raises as ``open_serial`` does."""
    name = f"pty:{where}"
    try:
        descriptor = os.open(where, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as cause:
        raise _unopened(name, cause) from cause
    try:
        _hold(name, descriptor)
        tty.setraw(descriptor)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except BaseException:
        os.close(descriptor)
        raise
    return Port(name, descriptor, lambda: os.close(descriptor))


def open_serial(where: str, baud: int) -> Port:
    """Open a serial port by its path, 8 bits, no parity, 1 stop bit.

    Raises BackendNotFound if that is none, it has no such speed, or pyserial is not installed,
    DevicePermission if it may not be opened, BackendBusy if somebody else has it, DeviceLost
    if it is not there or cannot be used.
    """
    name = f"serial:{where}"
    try:
        import serial  # noqa: PLC0415 - optional: who has no serial port need not have it
    except ImportError as cause:
        raise _no_board(
            name, "needs pyserial, which is not installed; pip install 'vau[serial]'"
        ) from cause
    try:
        line = serial.Serial(where, baud, timeout=0, write_timeout=0, exclusive=True)
    except serial.SerialException as cause:
        raise _unopened(name, _of_the_system(cause)) from cause
    except ValueError as cause:  # so pyserial says it
        raise _no_board(name, f"does not do {baud} baud; take another +baud=") from cause
    try:
        _hold(name, line.fileno())
        line.reset_input_buffer()
    except BaseException:
        line.close()
        raise
    if baud < LEAST_BAUD:
        logger.warning("board %s: %d baud carry no live speech; %d do", name, baud, LEAST_BAUD)
    if warning := latency_warning(where):
        logger.warning("board %s: %s", name, warning)
    return Port(name, line.fileno(), line.close, bits_per_s=float(baud))


def candidates() -> Iterator[tuple[str, str]]:
    """Yield path and description of the serial ports on USB; none without pyserial."""
    try:
        from serial.tools import list_ports  # noqa: PLC0415 - as above
    except ImportError:
        return
    for found in sorted(list_ports.comports(), key=lambda each: str(each.device)):
        if found.vid is not None:
            yield found.device, f"{found.description} {found.vid:04x}:{found.pid:04x}"


def latency_warning(where: str, devices: Path = USB_SERIAL) -> str:
    """Say if the USB chip of a port waits longer than a frame takes; nothing if not."""
    timer = devices / Path(where).resolve().name / "latency_timer"
    try:
        latency_ms = int(timer.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return ""
    if latency_ms <= SLOW_LATENCY_MS:
        return ""
    return f"its USB chip keeps bytes back for {latency_ms} ms; echo 1 > {timer}"


def _hold(name: str, descriptor: int) -> None:
    """Keep others out. Raises BackendBusy if somebody is in.

    The kernel forgets that it was asked to when nobody has the port open any more. Of a pseudo
    terminal the board behind it has: there the lock alone keeps others out, and goes with us.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.major(os.fstat(descriptor).st_rdev) not in _PSEUDO:
            fcntl.ioctl(descriptor, termios.TIOCEXCL)
    except OSError as cause:
        raise _unopened(name, cause) from cause


def _of_the_system(cause: OSError) -> OSError:
    """Return what the system said of which pyserial tells in its own words."""
    said = cause.__context__
    if isinstance(said, OSError):
        return said
    if isinstance(said, termios.error):
        return OSError(*said.args)
    return OSError(cause.errno or 0, str(cause))


def _unopened(name: str, cause: OSError) -> Exception:
    if cause.errno in _NOT_THERE:
        return DeviceLost(
            f"board: {name} is not there; is it plugged in?", field="board", name=name
        )
    if cause.errno in _NO_TERMINAL:
        return _no_board(name, "is no serial port or terminal")
    if isinstance(cause, PermissionError):
        return DevicePermission(
            f"board: {name} may not be opened by this user; add it to the group of the device",
            field="board",
        )
    if cause.errno in _HELD:
        return BackendBusy(
            f"board: {name} is held by another program; end that first", field="board"
        )
    return DeviceLost(f"{name}: it cannot be opened: {cause.strerror or cause}")


def _no_board(name: str, why: str) -> BackendNotFound:
    return BackendNotFound(f"board: {name} {why}", field="board", name=name)
