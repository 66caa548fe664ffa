"""What holds for all tests."""

from __future__ import annotations

import os
from collections import Counter

import pytest

os.environ.pop("EGGWATCH_CONFIG", None)
"""Whoever runs the tests may use eggwatch, and it is no test's business to look at that index, or to work on it."""

os.umask(0o022)
"""Accounts of the tests read what the tests make; those that are about another umask set it themselves."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `root` are skipped for other accounts, and say so; files with long tests come first."""
    for item in items:
        if "/laws/crash/" in str(item.path):
            item.add_marker(pytest.mark.crash)
    # Files go to workers in this order: with the long ones first, the short ones fill what is left at the end.
    long = {item.path for item in items if any(map(item.get_closest_marker, ("boot", "crash", "long", "parts")))}
    items.sort(key=lambda item: item.path not in long)
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What proofs have counted (`record_property` with a number), summed up over their tests."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        counts.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    for name, count in sorted(counts.items()):
        terminalreporter.write_line(f"{name}: {count}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On the CI machine everything is there: a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("CI skips nothing: see the skipped tests above (-rs)", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
