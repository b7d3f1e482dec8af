"""What was found, for a person and for a program."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from vau.commands.doctor.advice import Advice
from vau.commands.doctor.check import Check

ENGINES: Final = "Accelerators"
GROUPS: Final = {
    "installed": "Installation",
    "machine": "Machine",
    "places": "Folders",
    "ports": "Ports",
    "door": "Door",
    "models": "Models",
    "audio": "Microphones",
    "boards": "Boards",
    "kernel": ENGINES,
    "answer": ENGINES,
    "streams": ENGINES,
    "engines": ENGINES,
    "server": "Server",
    "extras": "Extras",
}
WIDTH: Final = 96
INDENT: Final = " " * 12


def facts(checks: list[Check], advice: Advice) -> dict[str, Any]:
    """Return all of it for a program."""
    return {
        "checks": [each.facts() for each in checks],
        "recommended": advice.facts(),
    }


def lines(checks: list[Check], advice: Advice) -> Iterator[str]:
    """Yield it for a person: by group, one line a check, what to do below it."""
    title = ""
    for check in sorted(checks, key=_place):  # which keeps the order within a group
        group = GROUPS[check.name.partition(".")[0]]
        if group != title:
            yield from filter(None, ("\n" * bool(title) + group,))
            title = group
        yield from _lines(check)
    yield f"\nRecommended: {advice.why}"
    yield f"  {advice.command()}"
    yield "as variables:"
    yield from (f"  {name}={value}" for name, value in advice.environment().items())
    yield "or as a file for --config:"
    yield from (f"  {line}" for line in advice.toml().splitlines())
    yield f"\n{verdict(checks)}"


def verdict(checks: list[Check]) -> str:
    """Return in one sentence what came of it."""
    count = {
        status: sum(check.status == status for check in checks)
        for status in ("problem", "warning")
    }
    if count["problem"]:
        return (
            f"{count['problem']} of {len(checks)} checks found a problem: those above that say "
            "so first"
        )
    if count["warning"]:
        return f"No problem; {count['warning']} of {len(checks)} checks have a warning."
    return f"All is well: {len(checks)} checks."


def _place(check: Check) -> int:
    return list(dict.fromkeys(GROUPS.values())).index(GROUPS[check.name.partition(".")[0]])


def _lines(check: Check) -> Iterator[str]:
    group, _, what = check.name.partition(".")
    what = f"{group} {what}" if GROUPS[group] == ENGINES else what
    said = f"{what}: {check.found}" + f"; {check.meaning}" * bool(check.meaning)
    text = textwrap.fill(
        said,
        WIDTH,
        initial_indent=f"  {check.status:<8}  ",
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield text
    if check.remedy:
        yield textwrap.fill(
            check.remedy,
            WIDTH,
            initial_indent=f"{INDENT}-> ",
            subsequent_indent=f"{INDENT}   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
