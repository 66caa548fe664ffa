"""Two boots of real systemd as PID 1: eggwatch set up, used, hung, killed, upgraded, and taken away.

The story is told inside (systemd_story.py, setup_story.py), within a minute; here stands what has to be true of it.
"""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.archive_factory import MARKDOWN, sdist
from tests.contrib.booting import SECONDS, boot

pytestmark = [pytest.mark.root, pytest.mark.parts, pytest.mark.boot, pytest.mark.timeout(SECONDS + 60)]

BOOTS = ("first", "second", "container")
KILLED = [f"killed{number}" for number in range(6)]
PROJECTS = [
    "waiting",
    "private",
    "folder",
    "slow",
    "full",
    "hanging",
    "elsewhere",
    "open",
    "back",
    "overnight",
    *("web", "webs", "webt"),
    *KILLED,
]


@pytest.fixture(scope="module")
def share(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the machine finds in /share: uploads, and a folder of wheels for each version."""
    share = tmp_path_factory.mktemp("share")
    share.chmod(0o755)
    (share / "uploads").mkdir()
    for project in PROJECTS:
        filename, data = sdist(project, metadata_extra=MARKDOWN)
        (share / "uploads" / filename).write_bytes(data)
    for name in ("bad", "worse", "worst"):
        (share / "uploads" / f"{name}-1.0.tar.gz").write_bytes(b"no archive" * 50)
    libraries = Path(sysconfig.get_path("purelib"))
    for name in ("aiosmtpd", "attr", "attrs", "public"):  # the SMTP server that mails are sent to
        shutil.copytree(libraries / name, share / "libraries" / name)
    shutil.copytree(wheelhouse, share, copy_function=os.link, dirs_exist_ok=True)
    return share


@pytest.fixture(scope="module")
def seen(share: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the story has seen, by its own names; seconds are negative where it waited in vain."""
    story = "/usr/bin/python3 -m tests.contrib.systemd_story"
    said = boot(share, tmp_path_factory.mktemp("machine") / "base", story, BOOTS)
    told = [_text(share / f"{name}{suffix}") for name in BOOTS for suffix in (".told", ".txt", ".json")]
    print(said, *told, sep="\n")
    answer: dict[str, Any] = json.loads(_text(share / "container.json") or "{}")
    assert [answer.get(f"end of {name}") for name in BOOTS] == ["reached"] * 3, said + _text(share / "first.told")
    return answer


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def test_a_dry_run_prints_the_very_steps_and_changes_nothing(seen: dict[str, Any]) -> None:
    steps, done, _ = seen["setup"].partition("Done: eggwatch 0.1.0 is set up.\n")
    assert (seen["traces of dry run"], steps, bool(done)) == ([], seen["dry run"], True)


def test_a_bare_machine_without_a_network_is_set_up_from_a_folder_of_wheels(seen: dict[str, Any]) -> None:
    assert (seen["bootstrap"], seen["sshd"]) == ("", "")
    assert seen["started"] == {"ActiveState": "active", "SubState": "running", "NRestarts": "0", "User": "eggwatch"}
    assert seen["completion"].endswith("_eggwatch_completion eggwatch\n")
    assert ".TH EGGWATCH 1\n" in seen["manual"]
    assert seen["configuration"] == "/etc/eggwatch/eggwatch.toml: good; 1 index: main\n"
    assert (seen["drop mode"], seen["timer"]) == ("3770 root packages", {"ActiveState": "active"})
    assert "default:user:eggwatch:rwx" in seen["drop ACL"].splitlines()


def test_run_twice_it_changes_nothing(seen: dict[str, Any]) -> None:
    """Neither from the same wheels, nor by the installed command itself."""
    assert seen["setup again"] == seen["setup of itself"] == "Nothing to do: eggwatch 0.1.0 is set up.\n"


def test_the_program_is_roots_and_has_of_the_systems_packages_only_systemd(seen: dict[str, Any]) -> None:
    assert seen["own by root"] == ""
    assert seen["systemd-python"].endswith("/systemd/journal.py\n")
    assert "No module named 'apt_pkg'" in seen["leaks"]


def test_where_systemd_does_not_run_everything_is_put_in_place_and_nothing_started(seen: dict[str, Any]) -> None:
    assert seen["setup in a container"].endswith(
        "systemd does not run here: nothing was started. It starts eggwatch.service at the next boot.\n"
        "Done: eggwatch 0.1.0 is set up.\n"
    )
    assert "start " not in seen["setup in a container"].replace("restart ", "start ").partition("systemd does not")[0]
    assert seen["setup in a container again"].endswith("Nothing to do: eggwatch 0.1.0 is set up.\n")
    assert seen["enabled in a container"] == "enabled\nenabled\n"
    assert not seen["uninstall in a container"].startswith("exit")


def test_what_contradicts_the_configuration_or_has_no_sense_is_refused(seen: dict[str, Any]) -> None:
    assert seen["another drop"].startswith("exit 2: eggwatch: /etc/eggwatch/eggwatch.toml already exists and contains")
    assert seen["no version to go back to"] == "exit 1: eggwatch: There is no previous version.\n"
    assert "nonsense: unknown" in seen["wrong setup"]


def test_start_returns_when_what_was_waiting_is_published(seen: dict[str, Any]) -> None:
    assert (seen["upload before start"], seen["start"], seen["published at ready"]) == ("", "", True)
    assert seen["status text"].startswith("main: 3 published, ")


def test_what_others_keep_private_is_published_and_leaves(seen: dict[str, Any]) -> None:
    """CAP_DAC_READ_SEARCH, CAP_FOWNER and the default ACL do what they are there for, inside all walls."""
    assert (seen["private upload"], seen["folder upload"]) == ("", "")
    for what in ("private published", "private gone", "folder published", "folder gone"):
        assert seen[what] >= 0, what


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


def test_news_go_out_by_a_unit_of_their_own_and_the_journal_explains_a_refusal(seen: dict[str, Any]) -> None:
    """It has a network and no capability; the daemon has capabilities and no network."""
    assert (seen["reload for news"], seen["upload for news"], seen["reload after news"]) == ("", "", "")
    assert seen["test of news"] == "main: mail: sent\nmain: webhook.ci: sent\n"
    assert 0 <= seen["told"] < 15
    assert seen["subjects"] == ["[main] worse-1.0.tar.gz was rejected"]
    assert seen["hooks"] == ["admitted", "rejected"]
    assert seen["news unit"] == {"ActiveState": "active", "NRestarts": "0", "User": "eggwatch"}
    assert int(seen["news capabilities"], 16) == 0
    expected = {"EGGWATCH_UPLOADER": "bob", "EGGWATCH_FLAWS": "not-a-gzip", "PRIORITY": "5"}
    assert expected.items() <= seen["entry"].items()
    assert "Subject: worse-1.0.tar.gz was rejected" in seen["explained"]


def test_the_timers_service_finds_it_sound_beside_the_daemon_and_without_it(seen: dict[str, Any]) -> None:
    assert (seen["verify"], seen["verify when stopped"]) == ("", "")
    assert seen["verified"] == {"Result": "success", "ExecMainStatus": "0"}
    assert seen["verified note"] == 0


def test_the_timers_service_keeps_ledger_and_archives_while_the_daemon_works(seen: dict[str, Any]) -> None:
    assert seen["backup"] == ""
    archives = [f"{project}-1.0.tar.gz" for project in ("folder", "full", "private", "slow")]
    assert seen["kept"] == sorted(["ledger.jsonl", *archives])


def test_the_watchdog_restarts_a_daemon_that_hangs(seen: dict[str, Any]) -> None:
    assert 2 < seen["restarted by watchdog"] < 15
    assert seen["watchdog's word"] == ["eggwatch.service: Watchdog timeout (limit 3s)!"]
    assert 0 <= seen["published after hang"] < 10


def test_kill_9_loses_nothing(seen: dict[str, Any]) -> None:
    assert seen["uploads around kill"] == [""] * 6
    assert seen["restarted after kill"] >= 0
    assert (seen["published after kill"] >= 0, seen["gone after kill"] >= 0) == (True, True)
    expected = [f"admitted {project}-1.0.tar.gz by bob" for project in KILLED]
    assert sorted(event for event in seen["events"] if "killed" in event) == expected, "each once"


def test_a_stop_is_an_orderly_end(seen: dict[str, Any]) -> None:
    assert seen["stopped"] == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert seen["left"] == ["rejected/bad-1.0.tar.gz", "rejected/worse-1.0.tar.gz"]


def test_a_wrong_configuration_is_not_tried_again(seen: dict[str, Any]) -> None:
    expected = {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2", "NRestarts": "0"}
    assert seen["wrong started"] == expected


def test_a_folder_that_the_unit_does_not_know_is_told_with_the_line_to_add(seen: dict[str, Any]) -> None:
    """Without the line uploads are published and stay; setup adds it, and the next ones leave."""
    line = (
        "is read-only for this service: run 'sudo eggwatch setup', "
        "or add ReadWritePaths=%s to [Service] by 'systemctl edit eggwatch.service'"
    )
    assert seen["start with closed public"].startswith("exit 1")
    assert f"[index.main] /srv/pages {line % '/srv/pages'}" in seen["closed public"]
    assert (seen["start with closed drop"], seen["upload to closed drop"]) == ("", "")
    assert 0 <= seen["published from closed drop"] < 10
    assert f"problem: unit: /srv/elsewhere {line % '/srv/elsewhere'}" in seen["closed drop"]
    assert "change /etc/systemd/system/eggwatch.service.d/folders.conf" in seen["setup of open drop"].splitlines()
    assert (seen["upload to open drop"], 0 <= seen["gone from open drop"] < 10) == ("", True)
    assert "read-only" not in seen["open drop"]


def test_one_of_several_runs_in_its_own_folders_and_serves_if_it_is_let(seen: dict[str, Any]) -> None:
    assert "write /etc/systemd/system/eggwatch@team.service.d/folders.conf" in seen["setup of instance"].splitlines()
    assert not seen["start instance"].startswith("exit"), seen["start instance"]
    assert seen["instance"] == {"ActiveState": "active", "NRestarts": "0"}
    assert (seen["instance's folders"], seen["instance serves"]) == ([True, True], 200)


def test_a_server_for_uploads_is_set_up_by_a_line_in_the_configuration(seen: dict[str, Any]) -> None:
    """With an account, a folder and a socket of its own; nothing of it is there before, and nothing is left after."""
    assert seen["units before http"] is False
    steps = seen["setup of http"].splitlines()
    assert "make /srv/drop/http (mode 0755, eggwatch-http:eggwatch-http)" in steps
    assert steps[-1] == "Done: eggwatch 0.1.0 is set up."
    assert seen["setup of http again"] == "Nothing to do: eggwatch 0.1.0 is set up.\n"
    assert seen["http unit"] == {"ActiveState": "active", "NRestarts": "0", "User": "eggwatch-http"}
    assert int(seen["http capabilities"], 16) == 0
    doctor = json.loads(seen["http doctor"])
    assert (doctor["findings"], doctor["unchecked"]) == ([], [])
    assert not seen["setup without http"].startswith("exit")
    assert seen["http units after"] == [{"LoadState": "not-found", "ActiveState": "inactive"}] * 2
    assert seen["http files after"] == []


def test_what_the_server_receives_is_published_and_its_verdict_told(seen: dict[str, Any]) -> None:
    """Inside all walls: no capability, no network but the socket, one folder to write to."""
    assert seen["http upload"] == "web-1.0.tar.gz is published.\n200"
    assert "worst-1.0.tar.gz was rejected" in seen["http refusal"] and seen["http refusal"].endswith("400")
    assert seen["http without token"].endswith("401")
    assert " used 2" in seen["http tokens"]
    published = [f"admitted {name}-1.0.tar.gz by ci" for name in ("web", "webs", "webt")]
    assert sorted(seen["http events"]) == [*published, "rejected worst-1.0.tar.gz by ci"]
    assert (seen["http published"], seen["http left"]) == ([True] * 3, [])


def test_no_upload_is_refused_while_the_server_is_stopped_or_killed(seen: dict[str, Any]) -> None:
    """The socket takes it, and systemd starts the server."""
    assert seen["http upload to the socket"] == "webs-1.0.tar.gz is published.\n200"
    assert seen["http upload after kill"] == "webt-1.0.tar.gz is published.\n200"


def test_a_reload_and_an_upgrade_of_the_daemon_are_ones_of_the_server_too(seen: dict[str, Any]) -> None:
    assert seen["http reload"] == ""
    assert "reload: the configuration was read again" in seen["http said"]
    assert seen["upgraded server"] == "0.98"


def test_the_units_filter_lets_the_kernel_sync_files_side_by_side(seen: dict[str, Any]) -> None:
    """The daemon has a queue of io_setup(2), which shows among its mappings."""
    assert seen["kernel's own sync"] is True


def test_uploads_wait_while_the_disk_is_full_and_go_on_by_themselves(seen: dict[str, Any]) -> None:
    assert (seen["upload when full"], seen["published when full"]) == ("", False)
    assert 0 <= seen["told when full"] < 10
    assert "less than min-free left; uploads wait until there is more" in seen["status when full"]
    assert seen["state when full"] == {"ActiveState": "active", "NRestarts": "0"}
    assert (0 <= seen["published after full"] < 10, 0 <= seen["gone after full"] < 10) == (True, True)


def test_an_upgrade_is_the_same_command_with_a_newer_source(seen: dict[str, Any]) -> None:
    assert seen["upgrade"].endswith("Done: eggwatch 0.98 is set up.\n")
    assert seen["upgraded instance"] == "0.98"
    assert seen["upgraded"] == ["0.98", {"ActiveState": "active", "NRestarts": "0"}]


def test_an_upgrade_that_does_not_come_up_is_undone_and_its_last_words_are_told(seen: dict[str, Any]) -> None:
    said = seen["broken upgrade"]
    assert said.startswith("exit 1: install eggwatch 0.99 ")
    assert "eggwatch.service does not start. Its last log lines:\n" in said
    assert "  broken on purpose\n" in said
    assert said.endswith("eggwatch: That version does not work here; 0.98 runs again.\n")
    assert seen["after broken upgrade"] == ["0.98", {"ActiveState": "active"}]


def test_a_rollback_goes_back_to_the_version_that_worked_before(seen: dict[str, Any]) -> None:
    """Not to the one that failed in between."""
    assert seen["rolled back"] == ["0.1.0", {"ActiveState": "active"}]
    assert (seen["upload after rollback"], 0 <= seen["published after rollback"] < 10) == ("", True)


def test_a_boot_starts_it_and_what_came_meanwhile_is_published(seen: dict[str, Any]) -> None:
    assert (seen["last stop"], seen["upload before boot"]) == ("", "")
    assert seen["booted"] == {"ActiveState": "active", "NRestarts": "0", "UnitFileState": "enabled"}
    assert (seen["published at boot"] >= 0, seen["gone at boot"] >= 0) == (True, True)


def test_an_uninstall_leaves_data_configuration_and_account_and_says_what_would_delete_them(
    seen: dict[str, Any],
) -> None:
    steps = seen["dry uninstall"].splitlines()
    said = seen["uninstall"].splitlines()
    assert said[: len(steps)] == steps
    assert "  rm -r /var/lib/eggwatch" in said[len(steps) :]
    assert {"  userdel eggwatch", "  userdel eggwatch-http"} <= set(said[len(steps) :])
    assert seen["instance after uninstall"] == {"ActiveState": "inactive"}
    assert seen["uninstall again"] == "Nothing to do.\n"
    assert seen["state after uninstall"] == {"ActiveState": "inactive", "LoadState": "not-found"}
    assert (seen["left of data"], seen["left of account"]) == ([True, True, True], "eggwatch")


def test_an_uninstall_leaves_lines_of_ones_own(seen: dict[str, Any]) -> None:
    """What 'systemctl edit' has made; nothing else of the program is there."""
    folders = [f"/etc/systemd/system/{unit}.service.d" for unit in ("eggwatch", "eggwatch@team")]
    assert seen["left of program"] == folders
