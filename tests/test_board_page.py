"""What docs/boards.md says of errors and of tests is so."""

import re

from tests.commands import ROOT
from tests.test_operations import tables
from vau import errors
from vau.wire.status import STATUS

PAGE = "docs/boards.md"


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / PAGE).read_text())
    missing = [
        f"{file}::{name}"
        for file, name in named
        if f"\ndef {name}(" not in (ROOT / "tests" / file).read_text()
    ]
    assert missing == []
    assert len(named) > 15


def test_errors_have_the_statuses_and_reasons_that_the_page_gives_them() -> None:
    (table,) = [table for table in tables(PAGE) if table[0][:2] == ["error", "gRPC status"]]
    for names, codes, reasons in table[2:]:
        for kind in names.split(", "):
            row = STATUS[getattr(errors, kind)]
            assert row.code.name in codes.split(", "), kind
            assert row.reason in re.findall("[A-Z_]{4,}", reasons), kind
    assert len(table) > 8
