"""What holds for all tests, and what pytest says at the end of a run besides what passed."""

import pytest
from hypothesis import settings

from tests.boards import board, driver, right, server, weights
from tests.in_process import here

__all__ = ["board", "driver", "here", "right", "server", "weights"]  # fixtures

settings.register_profile(
    "untimed", settings.default, deadline=None
)  # on however busy a machine
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests counted with ``record_property``, on whichever worker they ran."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if isinstance(report, pytest.TestReport) and report.when == "call"
    ]
    counted = [entry for report in reports for entry in report.user_properties]
    steps = sum(int(str(value)) for name, value in counted if name == "lstm steps")
    mismatches = sum(int(str(value)) for name, value in counted if name == "mismatches")
    tiers = {str(value) for name, value in counted if name == "tiers"}
    if steps:
        terminalreporter.write_line(
            f"{steps:,} LSTM steps compared with the reference, on the tiers "
            f"{'; '.join(sorted(tiers))}: {mismatches} mismatches"
        )
    rtl_steps = sum(int(str(value)) for name, value in counted if name == "rtl steps")
    if rtl_steps:
        terminalreporter.write_line(
            f"{rtl_steps:,} steps of the RTL compared with the reference, bits and cycles"
        )
