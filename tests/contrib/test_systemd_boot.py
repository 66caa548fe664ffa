"""One boot of real systemd as PID 1: eggwatch installed by its units, used, hung, killed, stopped.

The story is told inside (systemd_story.py), in half a minute; here stands what has to be true of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.archive_factory import sdist
from tests.contrib.booting import boot

pytestmark = [pytest.mark.root, pytest.mark.parts]

KILLED = [f"killed{number}" for number in range(6)]
STORY = "/opt/python/bin/python3 /opt/code/tests/contrib/systemd_story.py >/share/told 2>&1"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the story has seen, by its own names; seconds are negative where it waited in vain."""
    share = tmp_path_factory.mktemp("share")
    share.chmod(0o755)
    (share / "uploads").mkdir()
    for project in ["waiting", "private", "folder", "slow", "hanging", "elsewhere", *KILLED]:
        filename, data = sdist(project)
        (share / "uploads" / filename).write_bytes(data)
    (share / "uploads" / "bad-1.0.tar.gz").write_bytes(b"no archive" * 50)
    said = boot(share, tmp_path_factory.mktemp("machine") / "base", STORY)
    told = {name: _text(share / name) for name in ("told", "journal.txt")}
    print(said, *told.values(), sep="\n")
    answer: dict[str, Any] = json.loads(_text(share / "seen.json") or "{}")
    assert answer.get("end") == "reached", said + told["told"]
    return answer


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def test_no_command_of_the_installation_complains(seen: dict[str, Any]) -> None:
    """They are those of docs/systemd.rst."""
    assert [seen[name] for name in ("ldconfig", "join", "reload", "stop")] == [""] * 4
    assert not seen["install"].startswith("exit"), seen["install"]
    assert not seen["start"].startswith("exit"), seen["start"]
    assert not seen["configuration"].startswith("exit"), seen["configuration"]
    assert (seen["drop mode"], seen["timer"]) == ("3770 root packages", {"ActiveState": "active"})


def test_start_returns_when_what_was_waiting_is_published(seen: dict[str, Any]) -> None:
    assert (seen["upload before start"], seen["published at ready"]) == ("", True)
    assert seen["started"] == {"ActiveState": "active", "SubState": "running", "NRestarts": "0", "User": "eggwatch"}
    assert seen["status text"].startswith("main: 4 published, ")


def test_what_others_keep_private_is_published_and_leaves(seen: dict[str, Any]) -> None:
    """CAP_DAC_READ_SEARCH, CAP_FOWNER and the default ACL do what they are there for, inside all walls."""
    assert (seen["private upload"], seen["folder upload"]) == ("", "")
    for what in ("private published", "private gone", "folder published", "folder gone"):
        assert 0 <= seen[what] < 10, what


def test_an_open_file_waits_for_its_close_and_no_longer(seen: dict[str, Any]) -> None:
    """CAP_LEASE works: with `quiet` at five minutes only a lease can tell so soon."""
    assert seen["published while open"] is False
    assert 0 <= seen["published after close"] < 10


def test_a_refusal_has_its_reason_in_the_drop_folder(seen: dict[str, Any]) -> None:
    assert 0 <= seen["bad refused"] < 10
    assert "rejected bad-1.0.tar.gz by alice" in seen["events"]


def test_capabilities_are_in_effect_nowhere_and_inspectors_have_none(seen: dict[str, Any]) -> None:
    daemon, *others = seen["capabilities"]
    assert len(others) >= 2
    assert (int(daemon["CapPrm"], 16), int(daemon["CapEff"], 16)) == (1 << 2 | 1 << 3 | 1 << 28, 0)
    assert all(int(sets[name], 16) == 0 for sets in others for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"))
    assert {sets["Uid"] for sets in seen["capabilities"]} - {"0"} == {daemon["Uid"]}


def test_doctor_finds_nothing_in_what_was_installed_by_the_book(seen: dict[str, Any]) -> None:
    row = json.loads(seen["doctor"])
    assert (row["findings"], row["unchecked"]) == ([], [])


def test_doctor_finds_the_folder_that_the_unit_does_not_know(seen: dict[str, Any]) -> None:
    row = json.loads(seen["doctor of closed drop"].partition(": ")[2])
    found = {one["check"]: one["remedy"] for one in row["findings"]}
    assert found.keys() == {"unit", "drop-acl"}
    assert "ReadWritePaths=/srv/elsewhere" in found["unit"]


def test_a_reload_takes_a_right_configuration_and_survives_a_wrong_one(seen: dict[str, Any]) -> None:
    assert 0 <= seen["reloaded"] < 10
    assert (seen["wrong reload"], 0 <= seen["wrong reloaded"] < 10) == ("", True)
    assert (seen["same process"], seen["after reload"]) == (True, {"ActiveState": "active", "NRestarts": "0"})


def test_the_timers_service_finds_it_sound_beside_the_daemon_and_without_it(seen: dict[str, Any]) -> None:
    assert (seen["verify"], seen["verify when stopped"]) == ("", "")
    assert seen["verified"] == {"Result": "success", "ExecMainStatus": "0"}
    assert seen["verified note"] == 0


def test_the_timers_service_keeps_ledger_and_archives_while_the_daemon_works(seen: dict[str, Any]) -> None:
    assert seen["backup"] == ""
    archives = [f"{project}-1.0.tar.gz" for project in ("folder", "private", "slow", "waiting")]
    assert seen["kept"] == sorted(["ledger.jsonl", *archives])


def test_the_watchdog_restarts_a_daemon_that_hangs(seen: dict[str, Any]) -> None:
    assert 2 < seen["restarted by watchdog"] < 15
    assert seen["watchdog's word"] == ["eggwatch.service: Watchdog timeout (limit 3s)!"]
    assert 0 <= seen["published after hang"] < 10


def test_kill_9_loses_nothing(seen: dict[str, Any]) -> None:
    assert seen["uploads around kill"] == [""] * 6
    assert 0 <= seen["restarted after kill"] < 15
    assert (seen["published after kill"] >= 0, seen["gone after kill"] >= 0) == (True, True)
    expected = [f"admitted {project}-1.0.tar.gz by bob" for project in KILLED]
    assert sorted(event for event in seen["events"] if "killed" in event) == expected, "each once"


def test_a_stop_is_an_orderly_end(seen: dict[str, Any]) -> None:
    assert seen["stopped"] == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert seen["stop seconds"] < 12
    assert seen["left"] == ["rejected/bad-1.0.tar.gz"]


def test_a_wrong_configuration_is_not_tried_again(seen: dict[str, Any]) -> None:
    expected = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2", "NRestarts": "0"}
    assert seen["wrong started"] == expected


def test_a_folder_that_the_unit_does_not_know_is_told_with_the_line_to_add(seen: dict[str, Any]) -> None:
    """Without the line uploads are published and stay; with it they leave."""
    line = "is read-only for this service: add ReadWritePaths=%s to [Service] by 'systemctl edit eggwatch.service'"
    assert seen["start with closed public"].startswith("exit 1")
    assert f"[index.main] /srv/pages {line % '/srv/pages'}" in seen["closed public"]
    assert (seen["start with closed drop"], seen["upload to closed drop"]) == ("", "")
    assert 0 <= seen["published from closed drop"] < 10
    assert f"to be mended: unit: /srv/elsewhere {line % '/srv/elsewhere'}" in seen["closed drop"]
    assert seen["restart with open drop"] == ""
    assert 0 <= seen["gone from open drop"] < 10
    assert "read-only" not in seen["open drop"]


def test_one_of_several_runs_in_its_own_folders_and_serves_if_it_is_let(seen: dict[str, Any]) -> None:
    assert (seen["start instance"], seen["stop instance"]) == ("", "")
    assert seen["instance"] == {"ActiveState": "active", "NRestarts": "0"}
    assert (seen["instance's folders"], seen["instance serves"]) == ([True, True], 200)
