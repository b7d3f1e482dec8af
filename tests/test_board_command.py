"""``vau board`` on a board that is there, and the flags that name one."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.board_server import BoardServer, replies_with
from tests.commands import vau
from tests.software_board import board_info
from vau.commands.serve import with_boards
from vau.errors import ConfigInvalid
from vau_backends.board.device.opening import tilings_on
from vau_backends.board.discovery import VARIABLE
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.words import REPLY, Operation
from vau_backends.board.virtual.server import arguments
from vau_backends.board.workbench.conformance.conformance import PROMISES
from vau_backends.board.workbench.networks import network_for, random_network

STEPS = 20


def test_boards_are_listed_by_their_serial_numbers(server: BoardServer) -> None:
    done = vau("board", "list", **{VARIABLE: f"{server.url} tcp:127.0.0.1:1"})
    assert done.returncode == 0, done.stderr
    there, absent = done.stdout.splitlines()
    assert there.startswith("board:0000000000005eed  tcp:")
    assert absent.startswith("-  tcp:127.0.0.1:1")
    assert "does a board serve it?" in absent


def test_of_each_board_that_is_not_offered_backends_says_why(server: BoardServer) -> None:
    done = vau(
        "backends", "--model", "munt-1x192", **{VARIABLE: f"{server.url} tcp:127.0.0.1:1"}
    )
    assert done.returncode == 0, done.stderr
    too_small, absent = done.stderr.splitlines()
    assert too_small.startswith(f"board:{server.url} is not offered: board 0000000000005eed: ")
    assert "in a die, which has 8; no board of such dies carries it" in too_small
    assert absent.startswith("board:tcp:127.0.0.1:1 is not offered: ")
    assert "does a board serve it?" in absent


def test_a_board_is_checked_in_one_command(server: BoardServer) -> None:
    done = vau("board", "check", server.url, "--steps", 20, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["steps"], facts["mismatches"], facts["array"]) == (20, 0, "2x2")
    assert facts["core"]["steps"] >= 20
    assert facts["link"]["frames"] > 20


def test_a_check_says_every_promise_and_the_counters(server: BoardServer) -> None:
    done = vau("board", "check", server.url, "--steps", 2)
    assert done.returncode == 0, done.stderr
    assert (
        f"{len(PROMISES)} of {len(PROMISES)} promises of vau-link/1 tried, 0 broken"
        in done.stdout
    )
    for promise in PROMISES:
        assert f"{promise.text}: ok" in done.stdout
    assert " 0 parity errors" in done.stdout
    assert " junk chunks" in done.stdout


def test_a_check_of_a_wrong_board_says_all_the_same_what_is_right(server: BoardServer) -> None:
    server.edit = replies_with(
        lambda reply: (
            replace(reply, payload=reply.payload[:-1])
            if reply.op == Operation.STATE_GET | REPLY
            else reply
        )
    )
    done = vau("board", "check", server.url, "--steps", 2, "--json")
    assert done.returncode == 1, done.stderr
    facts = json.loads(done.stdout)
    broken = [each for each in facts["promises"] if not each["is_kept"]]
    assert 0 < len(broken) == facts["broken_promises"] < len(PROMISES) == len(facts["promises"])
    (kept,) = (each for each in broken if each["promise"].startswith("STATE_GET returns"))
    assert kept["section"] == "4.4"
    assert kept["expected"] == "OK with 23 bytes"
    assert kept["saw"] == "OK with 22 bytes to STATE_GET"


def test_what_was_not_tried_is_neither_kept_nor_broken(server: BoardServer) -> None:
    server.is_silent = True
    done = vau("board", "check", server.url)
    assert done.returncode == 1
    assert f"1 of {len(PROMISES)} promises of vau-link/1 tried, 1 broken" in done.stdout
    assert done.stdout.count("FAILED") == 2  # the promise; and to load a network
    assert "no answer to INFO; is this a board of vau-link/1, at its speed?" in done.stdout


def test_a_board_is_not_believed_to_be_of_any_size(server: BoardServer) -> None:
    server.claim(units=24576, most_payload=4)
    done = vau("board", "check", server.url)
    assert done.returncode != 0
    assert "max_payload 4 is none of 256, 1024, 4096" in done.stdout + done.stderr
    assert Operation.CONFIG not in {each.op for each in server.heard}


@given(
    sides=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    die=st.tuples(st.integers(1, 64), st.integers(1, 64)),
)
def test_the_network_that_is_made_for_a_board_fits_it(
    sides: tuple[int, int], die: tuple[int, int]
) -> None:
    info = board_info(rows=sides[0], columns=sides[1], units=die[0], inputs=die[1])
    tilings_on(info, random_network(info, seed=0))


@pytest.mark.parametrize(
    ("board", "name"),
    [
        ({"rows": 4, "columns": 4, "arrays": 3}, "munt-3x384"),
        ({"rows": 2, "columns": 2, "arrays": 1}, "munt-1x192"),
        ({"rows": 1, "columns": 1, "arrays": 1}, "munt-1x96-mfcc"),
        ({"units": 8}, "random weights, seed 7: no shipped network fits"),
    ],
)
def test_a_board_is_tried_with_the_largest_shipped_network_that_fits(
    board: dict[str, int], name: str
) -> None:
    info = board_info(**{"units": 96, "inputs": 123, "most_payload": 1024, **board})
    assert network_for(info, "", seed=7)[0] == name


def test_a_selftest_compares_bits_and_says_how_fast(server: BoardServer) -> None:
    done = vau("board", "selftest", "--board", server.url, "--steps", 30, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["steps"], facts["mismatches"]) == (30, 0)
    assert facts["cycles_per_step"] > 0
    assert facts["steps_per_second"] > 0
    assert facts["saturations"] > 0
    assert facts["rtl_hash"] == server.board.info.rtl_hash.hex()


def test_a_selftest_that_finds_another_bit_fails(server: BoardServer) -> None:
    def forgetful(request: Frame) -> Frame:
        """Take the last step with other inputs than it was sent."""
        if request.op != Operation.STEP or request.address & 0xFFFFFF != STEPS - 1:
            return request
        return replace(request, payload=bytes(byte ^ 0x80 for byte in request.payload))

    server.meddle = forgetful
    done = vau("board", "selftest", "--board", server.url, "--steps", STEPS, "--json")
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


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("virtual:2x2", "leave one out, or name another of the kind: virtual:2x2/NAME$"),
        ("virtual:2x2/left", "leave one out, or name another of the kind: virtual:2x2/NAME$"),
        ("tcp:a:1", "leave one out$"),
    ],
)
def test_a_board_that_is_named_twice_is_refused_with_what_tells_two_apart(
    url: str, says: str
) -> None:
    with pytest.raises(ConfigInvalid, match=says):
        with_boards(["board"], [url, "virtual:4x4", url])


@pytest.mark.parametrize(
    ("flag", "value", "says"),
    [
        ("--listen", "foo", "neither HOST:PORT nor pty"),
        ("--listen", "127.0.0.1:65536", "neither HOST:PORT nor pty"),
        ("--array", "99x99", "is outside 1..15"),
        ("--array", "2", "is not like 2x2"),
        ("--serial", 2**64, "--serial"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(flag: str, value: object, says: str) -> None:
    done = vau("board", "serve", flag, value)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("vau: error:")


@pytest.mark.parametrize(
    ("listen", "is_told"), [("0.0.0.0:0", True), ("127.0.0.1:0", False), ("pty", False)]
)
def test_a_board_that_is_served_to_everybody_says_so(listen: str, is_told: bool) -> None:
    done = vau("board", "serve", "--listen", listen, VERILATOR="/none")  # it goes no further
    assert (f"whoever reaches {listen} drives the board" in done.stderr) == is_told
    assert done.returncode == 3


@pytest.mark.parametrize("verb", ["selftest", "chaos"])
@pytest.mark.parametrize("array", ["1x1", "2x2"])  # one is what is taken unasked
def test_a_board_that_is_there_is_not_made_to_a_size(verb: str, array: str) -> None:
    done = vau("board", verb, "--board", "tcp:127.0.0.1:1", "--array", array)
    assert done.returncode == 2
    assert f"{array} makes a virtual board, and tcp:127.0.0.1:1 is there" in done.stderr


@pytest.mark.parametrize("name", ["0000000000005eed", "board:0000000000005EED"])
def test_a_board_is_found_by_the_name_that_the_list_gives(
    server: BoardServer, name: str
) -> None:
    done = vau("board", "selftest", "--board", name, "--steps", 1, **{VARIABLE: server.url})
    assert done.returncode == 0, done.stderr


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


@pytest.mark.parametrize(
    ("flag", "value", "says"),
    [
        *(
            ("--tcp", each, "no host:port")
            for each in ("nonsense", ":1", "h:", "h:x", "h:99999")
        ),
        *(
            ("--serial", each, "16 hexadecimal digits")
            for each in ("zz", "", "-1", "0x5eed", "1_0", "10000000000000000")
        ),
        *(("--fault", each, "four numbers") for each in ("1,2", "a,b,c,d", "1,2,3,4,5", "")),
    ],
)
def test_what_no_virtual_board_can_be_started_with_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], flag: str, value: str, says: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments([flag, value])
    assert says in capsys.readouterr().err
