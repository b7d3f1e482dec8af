"""Alignments: their edits against the definition, and which of several cheapest ones."""

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.evaluation.edits import Edits, align, count_edits

PHONES = st.lists(st.sampled_from("abc"), max_size=7)


@pytest.mark.parametrize(
    ("said", "heard", "substitutions", "insertions", "deletions"),
    [
        ("", "", 0, 0, 0),
        ("abc", "abc", 0, 0, 0),
        ("abc", "", 0, 0, 3),
        ("", "abc", 0, 3, 0),
        ("abc", "axc", 1, 0, 0),
        ("abc", "abxc", 0, 1, 0),
        ("abc", "ac", 0, 0, 1),
        ("kitten", "sitting", 2, 1, 0),
        ("ab", "ba", 2, 0, 0),  # not an insertion and a deletion, which cost as much
        ("aab", "b", 0, 0, 2),
    ],
    ids=str,
)
def test_known_edits_are_counted(
    said: str, heard: str, substitutions: int, insertions: int, deletions: int
) -> None:
    expected = Edits(substitutions, insertions, deletions)
    assert count_edits(list(said), list(heard)) == expected


@given(PHONES, PHONES)
def test_the_edits_are_the_fewest_that_explain_the_lengths(
    said: list[str], heard: list[str]
) -> None:
    edits = count_edits(said, heard)
    assert edits.errors == fewest("".join(said), "".join(heard))
    assert len(said) - edits.deletions + edits.insertions == len(heard)


@cache
def fewest(said: str, heard: str) -> int:
    """Return the edit distance as it is defined, slowly."""
    if not said or not heard:
        return len(said) + len(heard)
    return min(
        fewest(said[:-1], heard[:-1]) + (said[-1] != heard[-1]),
        fewest(said[:-1], heard) + 1,
        fewest(said, heard[:-1]) + 1,
    )


@given(PHONES, PHONES)
def test_the_pairs_hold_both_sides_in_their_order(said: list[str], heard: list[str]) -> None:
    pairs = align(said, heard)
    assert [one for one, _ in pairs if one is not None] == said
    assert [other for _, other in pairs if other is not None] == heard
    assert (None, None) not in pairs


def test_a_phone_is_paired_with_the_one_heard_for_it() -> None:
    pairs = align(["D", "AA", "T"], ["D", "AE", "T", "S"])
    assert pairs == [("D", "D"), ("AA", "AE"), ("T", "T"), (None, "S")]
    assert align(["D", "AA", "T"], ["AA", "T"]) == [("D", None), ("AA", "AA"), ("T", "T")]


def test_edits_add_up() -> None:
    parts: Sequence[Edits] = [Edits(1, 2, 3), Edits(10, 20, 30)]
    assert sum(parts, Edits()) == Edits(11, 22, 33)
