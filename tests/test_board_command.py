"""``vau board`` on a board that is there, and the flags that name one."""

import json
from collections.abc import Iterator

import pytest

from tests.board_server import BoardServer, served
from tests.commands import vau
from tests.software_board import SoftwareBoard, board_info
from vau.commands.serve import with_boards
from vau.errors import ConfigInvalid
from vau_backends.board.discovery import VARIABLE


@pytest.fixture
def server() -> Iterator[BoardServer]:
    with served(SoftwareBoard(board_info(serial=0xBEEF))) as server:
        yield server


def test_boards_are_listed_by_their_serial_numbers(server: BoardServer) -> None:
    done = vau("board", "list", **{VARIABLE: f"{server.url} tcp:127.0.0.1:1"})
    assert done.returncode == 0, done.stderr
    there, absent = done.stdout.splitlines()
    assert there.startswith("board:000000000000beef  tcp:")
    assert absent.startswith("-  tcp:127.0.0.1:1")
    assert "does a board serve it?" in absent


def test_a_board_is_checked_in_one_command(server: BoardServer) -> None:
    done = vau("board", "check", server.url, "--steps", 20, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["steps"], facts["mismatches"], facts["array"]) == (20, 0, "2x2")
    assert facts["core"]["steps"] >= 20
    assert facts["link"]["frames"] > 20


def test_a_selftest_compares_bits_and_says_how_fast(server: BoardServer) -> None:
    done = vau("board", "selftest", "--board", server.url, "--steps", 30, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["steps"], facts["mismatches"]) == (30, 0)
    assert facts["cycles_per_step"] > 0
    assert facts["steps_per_second"] > 0
    assert facts["saturations"] > 0
    assert facts["rtl_hash"] == "0" * 32


def test_a_selftest_that_finds_another_bit_fails(server: BoardServer) -> None:
    class Tired(SoftwareBoard):
        def _step(self, request: object) -> bytes:
            answer = bytearray(super()._step(request))  # type: ignore[arg-type]
            if self.core.steps == 20:  # behind the known answers
                answer[8] ^= 1
            return bytes(answer)

    with served(Tired(board_info())) as tired:
        done = vau("board", "selftest", "--board", tired.url, "--steps", 20, "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["mismatches"] == 1


def test_chaos_counts_by_kind_what_came_of_the_faults(server: BoardServer) -> None:
    done = vau(
        *("board", "chaos", "--board", server.url, "--faults", 60, "--slow", 0),
        *("--seed", 4, "--json"),
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["injected"] == facts["recovered"] >= 60
    assert (facts["wrong"], facts["hangs"], facts["seed"]) == (0, 0, 4)
    assert facts["kinds"]["fast/flip"]["injected"] > 0


def test_what_names_no_board_is_said_in_one_line() -> None:
    done = vau("board", "check", "usb:1")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "virtual:2x2" in done.stderr


@pytest.mark.parametrize(
    ("backends", "boards", "means"),
    [
        (["muntaniala"], [], ["muntaniala"]),
        (["board"], [], ["board"]),
        (["board"], ["virtual:2x2"], ["board:virtual:2x2"]),
        (
            ["float", "board"],
            ["tcp:a:1", "tcp:b:1"],
            ["float", "board:tcp:a:1", "board:tcp:b:1"],
        ),
    ],
)
def test_each_board_is_a_backend_of_its_own(
    backends: list[str], boards: list[str], means: list[str]
) -> None:
    assert with_boards(backends, boards) == means


def test_a_board_without_its_backend_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="add --backend board"):
        with_boards(["muntaniala"], ["virtual:2x2"])
