"""A command of the administrator's that can't be run is an outage, which is told in words."""

from __future__ import annotations

import tempfile

import pytest

from eggwatch.model.events import Event, EventKind
from eggwatch.model.news import Notice
from eggwatch.notifiers import NotDelivered
from eggwatch.notifiers.program import ProgramMessenger
from eggwatch.policy.subscriptions import Program

EVENT = Event(kind=EventKind.ADMITTED, at="2026-01-02T03:04:05.000000Z", project="demo", version="1.0")


@pytest.mark.parametrize("trouble", ["a program that is missing", "no folder for temporary files"])
def test_what_prevents_a_command_is_told_without_a_traceback(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path that is not as it should be is named."""
    program = "/nowhere/deploy" if trouble == "a program that is missing" else "/bin/true"
    if trouble == "no folder for temporary files":
        monkeypatch.setattr(tempfile, "tempdir", "/nowhere/tmp")
    messenger = ProgramMessenger(Program(name="command.deploy", run=(program,)))
    with pytest.raises(NotDelivered, match="No such file or directory: /nowhere/"):
        messenger.deliver([Notice(key="k", index="main", serial=1, event=EVENT, index_url="")])
