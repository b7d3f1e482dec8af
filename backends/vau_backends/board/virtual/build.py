"""Makes a library of the RTL: Verilator, then the C++ compiler, once for all that asks.

The library lies in a cache under the hash of everything that it was made of. It is built in a
folder beside and moved there when it is whole, so that any number of processes may ask at a
time: at worst two build the same. That folder is locked as long as its builder lives; one whose
builder was killed is cleared away by the next.
"""

import fcntl
import hashlib
import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import vau_hardware
from vau.errors import BackendFault
from vau.signals import signals_held_back
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.virtual.toolchain import Toolchain, find

logger = logging.getLogger(__name__)

BUILDING: Final = "it is built first, this once, which takes minutes"
_UNDER_WAY: Final = "building-"
_LOCK: Final = "lock"
_LIMIT_S: Final = 1800.0
_TAIL: Final = 4000
# Verilator 5.006 (Debian 12) wants assignments to arrays in loops unrolled.
UNROLL: Final = ("--unroll-count", "512", "--unroll-stmts", "100000")
_SPEED: Final = ("-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert")
_PROOF: Final = ("-O3", "--x-assign", "unique", "--x-initial", "unique", "--assert")
# The models of cells are others' and not lint-clean; this Verilator knows no defaults of ports.
_NETLIST: Final = ("-Wno-fatal", "-Wno-lint", "+define+NO_ICE40_DEFAULT_ASSIGNMENTS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What kind of library is wanted."""

    is_proof: bool = False
    """Unknown bits are random, and the insides of the dies can be traced."""

    is_whole: bool = False
    """rtl/board.sv in one piece, and not dies that C++ connects."""

    baud: int = 0
    """Bits a second at the pins of fpga/board_uart.sv, with a clock of ``SERIAL_CLOCK_HZ``.
    0: no pins, and bytes."""

    netlist: tuple[Path, ...] = ()
    """What synthesis made of the die (with ``baud``: of the whole board), and the models of its
    cells: read in place of the RTL, whose parameters are settled in it."""

    has_faults: bool = False
    """The dies have the port for faults, which no synthesis sees."""

    rtl: Path = vau_hardware.RTL
    """Where the sources are: mutations of them are elsewhere."""

    @property
    def is_serial(self) -> bool:
        """Whether it has serial pins, and sim/serial.cpp the far end of them."""
        return self.baud != 0

    @property
    def is_fast(self) -> bool:
        """Whether it is clocked for long: others are sooner compiled."""
        return not (self.is_proof or self.is_whole or self.is_serial or self.netlist)


PLAIN: Final = Build()
SERIAL_CLOCK_HZ: Final = 1_000_000
"""Slow, so that a driver is patient: a cycle takes longer in a simulation than on a board."""


def cache_folder() -> Path:
    """Return where libraries are kept: VAU_CACHE, or the user's cache."""
    asked = os.environ.get("VAU_CACHE")
    if asked:
        return Path(asked) / "boards"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vau" / "boards"


def build(parameters: Parameters, how: Build = PLAIN) -> Path:
    """Return the library of such a board, made before or, with a warning, now.

    Raises BackendFault if a tool is missing or fails; the message says which and what to do.
    """
    tools = find()
    folder = cache_folder()
    wanted = folder / f"{_key(parameters, how, tools)}.so"
    if wanted.is_file():
        return wanted
    logger.warning(BUILDING)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear_away_the_dead(folder)
        with _begun(folder) as made:
            library = _make(parameters, how, tools, made)
            library.replace(wanted)
    except OSError as cause:
        raise BackendFault(
            f"building the virtual board: {folder} cannot be written: "
            f"{cause.strerror or cause}; name another folder with VAU_CACHE"
        ) from cause
    return wanted


@contextmanager
def _begun(folder: Path) -> Iterator[Path]:
    """Make a folder to build in, locked as long as this process lives."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=_UNDER_WAY) as name:
        made = Path(name)
        with (made / "unlocked").open("wb") as lock:
            with suppress(OSError):  # a file system without locks: nobody clears it away
                fcntl.flock(lock, fcntl.LOCK_EX)
                Path(lock.name).rename(made / _LOCK)  # it has this name only once it is locked
            yield made


def _clear_away_the_dead(folder: Path) -> None:
    """Remove what builders left behind that were killed, and nobody else's."""
    for path in folder.glob(f"{_UNDER_WAY}*/{_LOCK}"):
        with suppress(OSError), path.open("r+b") as lock:  # it lives, is gone, or is not ours
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)


def _key(parameters: Parameters, how: Build, tools: Toolchain) -> str:
    digest = hashlib.sha256()
    inputs = sorted([*how.rtl.glob("*"), *vau_hardware.SIMULATION.glob("*")])
    inputs += [vau_hardware.BOARD_UART, *how.netlist]
    for path in inputs:
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    flags = _flags(parameters, how, tools)
    told = [parameters.as_text(), how.baud, len(how.netlist), flags, tools.versions]
    digest.update("\n".join(map(str, told)).encode())
    return digest.hexdigest()[:40]


def _flags(parameters: Parameters, how: Build, tools: Toolchain) -> list[list[str]]:
    return [_verilator_flags(how), _compiler_flags(parameters, how, tools)]


def _verilator_flags(how: Build) -> list[str]:
    flags = ["--cc", *UNROLL, *(_PROOF if how.is_proof else _SPEED)]
    flags += _NETLIST if how.netlist else ()
    return flags + ["+define+FAULT_INJECT"] * how.has_faults


def _compiler_flags(parameters: Parameters, how: Build, tools: Toolchain) -> list[str]:
    macros = {
        "VAU_ROWS": parameters.rows,
        "VAU_COLUMNS": parameters.columns,
        "VAU_KAPPA": parameters.cycles_per_beat,
        "VAU_N": parameters.units,
    }
    wanted = {"PROOF": how.is_proof, "WHOLE": how.is_whole, "FAULT_INJECT": how.has_faults}
    return [
        "-std=c++17",
        "-O2" if how.is_fast else "-O1",
        "-fPIC",
        "-w",  # what a generator writes is not ours to mend
        *(f"-D{name}={value}" for name, value in macros.items()),
        *(f"-D{name}" for name, is_so in wanted.items() if is_so),
        *("-I", str(tools.include), "-I", str(tools.include / "vltstd")),
        *("-I", str(vau_hardware.SIMULATION)),
    ]


def _make(parameters: Parameters, how: Build, tools: Toolchain, folder: Path) -> Path:
    rtl_hash = f"128'h{parameters.rtl_hash().hex()}"
    host: dict[str, int | str] = {**parameters.of_host, "RTL_HASH": rtl_hash}
    if how.is_serial:
        files = [*_rtl(how, [*vau_hardware.BOARD, "uart_phy"]), vau_hardware.BOARD_UART]
        line = {"CLOCK_HZ": SERIAL_CLOCK_HZ, "BAUD": how.baud}
        _verilate("board_uart", files, {**host, **line}, how, tools, folder)
    elif how.is_whole:
        _verilate("board", _rtl(how, vau_hardware.BOARD), host, how, tools, folder)
    else:
        _verilate("die", _rtl(how, vau_hardware.DIE), parameters.of_die, how, tools, folder)
        plain = replace(how, netlist=())
        _verilate("host", _rtl(how, vau_hardware.HOST), host, plain, tools, folder)
    sources = [
        vau_hardware.SIMULATION / ("serial.cpp" if how.is_serial else "board.cpp"),
        *sorted(folder.glob("*.cpp")),
        *(tools.include / f"{name}.cpp" for name in ("verilated", "verilated_threads")),
    ]
    flags = [*_compiler_flags(parameters, how, tools), "-I", str(folder)]
    objects = _compile(sources, flags, tools, folder)
    library = folder / "board.so"
    _run([*tools.compiler, "-shared", "-o", str(library), *map(str, objects), "-lpthread"])
    return library


def _rtl(how: Build, names: Sequence[str]) -> list[Path]:
    return [how.rtl / f"{name}.sv" for name in names]


def _verilate(  # noqa: PLR0917 - a top module with all that it is made of
    top: str,
    files: Sequence[Path],
    values: Mapping[str, int | str],
    how: Build,
    tools: Toolchain,
    folder: Path,
) -> None:
    if how.netlist:
        files, values = how.netlist, {}
    _run(
        [
            *tools.verilator,
            *_verilator_flags(how),
            *("--top-module", top, "--prefix", f"V{top}", "--Mdir", str(folder)),
            *(f"-G{name}={value}" for name, value in values.items()),
            str(how.rtl / "lint.vlt"),
            *([str(vau_hardware.SIMULATION / "public.vlt")] if how.is_proof else []),
            *map(str, files),
        ]
    )


def _compile(
    sources: Iterable[Path], flags: Sequence[str], tools: Toolchain, folder: Path
) -> list[Path]:
    objects = []
    for source in sources:
        objects.append(folder / f"{source.stem}.o")
        _run([*tools.compiler, *flags, "-c", str(source), "-o", str(objects[-1])])
    return objects


def _run(command: Sequence[str]) -> None:
    """Run a tool, and say what it said if it fails. All that it starts ends with us."""
    try:
        with ExitStack() as at_the_end:
            with signals_held_back():  # within Popen they would lose what it has started
                process = at_the_end.enter_context(_started(command))
                if_ended = at_the_end.enter_context(ExitStack())
                if_ended.callback(_kill, process)
            said, _ = process.communicate(timeout=_LIMIT_S)
            if_ended.pop_all()
    except (OSError, subprocess.SubprocessError) as cause:
        raise BackendFault(f"building the virtual board: {cause}") from cause
    if process.returncode:
        raise BackendFault(
            f"building the virtual board: {shlex.join(command[:2])} ... ended with "
            f"{process.returncode}; it said:\n{said[-_TAIL:]}"
        )


def _started(command: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _kill(process: "subprocess.Popen[str]") -> None:
    """End a tool and whatever it has started."""
    with suppress(ProcessLookupError):  # it has just ended
        os.killpg(process.pid, signal.SIGKILL)
