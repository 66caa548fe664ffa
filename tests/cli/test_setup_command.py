"""eggwatch setup, before it does anything: whom it refuses, and what it prints."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from eggwatch.cli import cli
from eggwatch.errors import ConfigurationError


def setup(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["setup", *arguments])


def test_it_is_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    error = setup().exception
    assert isinstance(error, ConfigurationError)
    assert error.remedy == "Run it as root: sudo eggwatch setup …"


@pytest.mark.parametrize("arguments", [["--rollback", "--uninstall"], ["--from", ".", "--rollback"]])
def test_it_does_one_thing_at_a_time(arguments: list[str]) -> None:
    done = setup(*arguments)
    assert (done.exit_code, "Choose one of" in done.output) == (2, True)


@pytest.mark.parametrize("option", ["--config", "--index"])
def test_options_that_mean_nothing_to_it_are_refused(option: str) -> None:
    done = setup(option, "x")
    assert (done.exit_code, "do not apply" in done.output) == (2, True)


@pytest.mark.parts
def test_a_dry_run_of_this_checkout_prints_its_steps_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = setup("--dry-run")
    assert done.exit_code == 0, done.output
    assert "from the checkout " in done.output.splitlines()[0]
