"""The operator's page says what is so: its tests, flags and defaults are those there are."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from tests.commands import vau
from vau.config import ServerConfig
from vau.wire.status import STATUS

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = ("docs/operations.md", "docs/security.md")
END_S: Final = 10.0  # last words, linger and close: LAST_WORD_S, LINGER_S and CLOSE_S with room


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def tables(page: str) -> list[list[list[str]]]:
    """Return the rows of every table, headings first, as cells."""
    found: list[list[list[str]]] = [[]]
    for line in text_of(page).splitlines():
        if line.startswith("| "):
            found[-1].append([cell.strip() for cell in line.split("|")[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text_of(page))
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / "tests" / file).is_file()
        or f"\ndef {name}(" not in (ROOT / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []
    assert len(named) > 50
    assert "::" not in re.sub(r"`test_\w+\.py::test_\w+`", "", text_of(page))  # all were read


@pytest.mark.parametrize(("page", "least"), list(zip(PAGES, (45, 30), strict=True)))
def test_every_statement_has_its_test_beside_it(page: str, least: int) -> None:
    stated = [row for table in tables(page) if table[0][-1] == "shown by" for row in table[1:]]
    said = [row for row in stated if any(row[1:]) and set(row[0]) != set("-")]  # no heading
    assert [row[0] for row in said if "::test_" not in row[-1]] == []
    assert {
        len(row) for table in tables(page) for row in table if len(row) != len(table[0])
    } == set()
    assert len(said) > least


def test_the_defaults_on_the_page_are_those_of_the_server() -> None:
    defaults = {field.name: field.default for field in fields(ServerConfig)}
    (table,) = [table for table in tables(PAGES[0]) if table[0][:2] == ["flag", "default"]]
    for flag, stated in ((row[0].strip("`"), row[1]) for row in table[2:]):
        value, _, unit = stated.partition(" ")
        assert float(value) == defaults[f"{flag[2:].replace('-', '_')}_{unit}"], flag
    assert len(table) > 12


def test_every_flag_of_the_server_is_explained_to_its_operator() -> None:
    pages = "".join(
        text_of(page)
        for page in (
            *PAGES,
            "docs/shadow.md",
            "docs/observability.md",
            "docs/boards.md",
            "docs/websocket.md",
        )
    )
    flags = set(re.findall(r"(?<!\S)--[a-z][a-z-]+", vau("serve", "--help").stdout))
    assert flags >= {"--listen", "--max-streams", "--drain-grace"}
    assert sorted(flag for flag in flags - {"--help"} if flag not in pages) == []


def test_what_a_client_may_complain_of_is_what_the_server_says() -> None:
    (table,) = [table for table in tables(PAGES[0]) if table[0][0] == "it gets"]
    reasons = {row.reason for row in STATUS.values()}
    stated = {reason for row in table[2:] for reason in row[0].split(", ")}
    assert stated - reasons == set()


def test_the_unit_of_systemd_has_flags_that_there_are_and_waits_for_streams() -> None:
    unit = text_of("deploy/vau.service")
    flags = set(re.findall(r"(?<=\s)--[a-z][a-z-]+", unit.partition("[Service]")[2]))
    assert "--tokens" in flags
    assert sorted(flags - set(re.findall(r"--[a-z-]+", vau("serve", "--help").stdout))) == []
    (stop_s,) = re.findall(r"TimeoutStopSec=(\d+)", unit)
    assert float(stop_s) >= ServerConfig().drain_grace_s + END_S


def test_the_container_is_given_longer_than_its_streams() -> None:
    graces_s = re.findall(r"stop_grace_period: (\d+)s", text_of("deploy/compose.yaml"))
    assert len(graces_s) == 3
    assert min(map(float, graces_s)) >= ServerConfig().drain_grace_s + END_S
