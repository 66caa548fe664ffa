"""The plan of a setup: its steps, in order, and none that has nothing to do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.config.loading import load
from eggwatch.errors import ConfigurationError, InstallationError, LockHeldError
from eggwatch.setup.installation import FOLDERS, Wish, take
from eggwatch.setup.machine import alone
from eggwatch.setup.paths import COMPLETIONS, Places
from eggwatch.setup.uninstall import Removal, what_stays
from tests.contrib.wheelhouse import CLONE
from tests.setup.machines import Code, ToldMachine, installation_on

SHIPPED = {path.name: path.read_bytes() for path in (CLONE / "contrib/systemd").iterdir()}
FIRST, SECOND = Code("1.0", SHIPPED), Code("2.0", SHIPPED)


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    """Folders that are there already, so that none has to be made by root."""
    for name in ("drop", "public", "state/news"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "used").touch()
    return Wish(**{name: tmp_path / "data" / name for name in FOLDERS})


@pytest.fixture(autouse=True)
def _a_machine_that_is_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests work below /tmp, where a service would see nothing, and its account owns what there is.

    The accounts of the real machine are ignored: it may have one called eggwatch.
    """
    monkeypatch.setattr("eggwatch.setup.folders._is_member", lambda account: False)
    monkeypatch.setattr("eggwatch.setup.installation.primary_group", lambda account: account)
    monkeypatch.setattr("eggwatch.setup.drop_ins.HIDDEN", ())
    monkeypatch.setattr("eggwatch.setup.folders.account_name", lambda uid: "eggwatch")
    monkeypatch.setattr("eggwatch.setup.folders.is_nobodys", lambda path: not path.exists() and "data" in path.parts)


def test_a_folder_of_another_account_is_refused_with_what_to_do(
    tmp_path: Path, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after publishing by hand under another account, or after a change of --user."""
    monkeypatch.setattr("eggwatch.setup.folders.account_name", lambda uid: "alice")
    with pytest.raises(ConfigurationError, match="belongs to alice, and the daemon is to run as eggwatch") as error:
        installation_on(ToldMachine(), tmp_path / "root").plan(FIRST, wish)
    assert f"chown -R eggwatch: {wish.public}" in error.value.remedy


def set_up(machine: ToldMachine, root: Path, code: Code, wish: Wish) -> list[str]:
    """Take all steps; answers with what was told."""
    told: list[str] = []
    installation = installation_on(machine, root)
    installation.take(installation.plan(code, wish), told.append)
    return told


def current(root: Path) -> str:
    """The version in use."""
    return os.readlink(Places(root=root).current).removeprefix("versions/").rpartition("-")[0]


def previous(root: Path) -> str:
    """The version to go back to."""
    return os.readlink(Places(root=root).previous).removeprefix("versions/").rpartition("-")[0]


def test_planning_changes_nothing(tmp_path: Path, wish: Wish) -> None:
    steps = installation_on(ToldMachine(), tmp_path / "root").plan(FIRST, wish)
    assert [step.what.split()[0] for step in steps][:1] == ["install"]
    assert not (tmp_path / "root").exists()


def test_a_second_setup_has_nothing_to_do_but_the_account(tmp_path: Path, wish: Wish) -> None:
    """The account would be created on the real machine, so it is still missing."""
    machine, root = ToldMachine({"systemctl is-enabled": "enabled"}), tmp_path / "root"
    assert len(set_up(machine, root, FIRST, wish)) > 10
    assert [step.what.split("(")[1] for step in installation_on(machine, root).plan(FIRST, wish)] == [
        "systemd-sysusers)"
    ]


def test_the_units_are_in_place_before_the_version_is_switched_to(tmp_path: Path, wish: Wish) -> None:
    told = set_up(ToldMachine(), tmp_path / "root", FIRST, wish)
    places = [next(number for number, what in enumerate(told) if word in what) for word in ("folders.conf", "switch")]
    assert places == sorted(places)


def test_the_manual_and_the_completions_of_the_version_in_use_are_linked(tmp_path: Path, wish: Wish) -> None:
    """Where man and the shells look for them; the program itself writes the completions when it is installed."""
    root, machine = tmp_path / "root", ToldMachine()
    told = set_up(machine, root, FIRST, wish)
    places = Places(root=root)
    home = places.current.resolve()
    assert machine.ran.count(f"{home}/bin/eggwatch") == len(COMPLETIONS)
    assert all(
        (root / path).resolve().is_relative_to(home) and (root / path).is_file() for path in COMPLETIONS.values()
    )
    assert [path for path, target in places.shared.items() if f"link {path} to {target}" not in told] == []


def test_an_upgrade_keeps_the_way_back_and_three_versions(tmp_path: Path, wish: Wish) -> None:
    root = tmp_path / "root"
    for version in ("1.0", "2.0", "3.0", "4.0"):
        set_up(ToldMachine(), root, Code(version, SHIPPED), wish)
    kept = sorted(path.name.rpartition("-")[0] for path in Places(root=root).versions.iterdir())
    assert (current(root), previous(root), kept) == ("4.0", "3.0", ["2.0", "3.0", "4.0"])


def test_a_version_that_does_not_come_up_is_put_back(tmp_path: Path, wish: Wish) -> None:
    root, machine = tmp_path / "root", ToldMachine({"journalctl --no-pager": "it fell"}, booted=True)
    set_up(machine, root, FIRST, wish)
    told: list[str] = []
    machine.answers |= {"systemctl show --value --property=MainPID": "1"}
    installation = installation_on(machine, root)
    steps = installation.plan(SECOND, wish)
    machine.fails = {"systemctl restart"}
    machine.answers |= {"systemctl show --value --property=MainPID": "0"}

    def tell(what: str) -> None:
        told.append(what)
        if "it fell" in what:
            machine.fails.clear()

    with pytest.raises(InstallationError, match=r"1\.0 runs again"):
        installation.take(steps, tell)
    assert any("Its last log lines:\n  it fell" in what for what in told)
    assert (current(root), Places(root=root).previous.exists()) == ("1.0", False)


def test_units_that_a_version_no_longer_has_are_removed(tmp_path: Path, wish: Wish) -> None:
    root = tmp_path / "root"
    set_up(ToldMachine(), root, FIRST, wish)
    fewer = {name: data for name, data in SHIPPED.items() if "news" not in name}
    told = set_up(ToldMachine(), root, Code("2.0", fewer), wish)
    assert not list(Places(root=root).units.glob("*news*"))
    assert any(what.startswith("remove ") and "news" in what for what in told)


def with_uploads(root: Path, settings: str) -> None:
    """The configuration of a setup, with uploads over HTTP."""
    path = Places(root=root).configuration
    path.write_text(f"{path.read_text()}\n[index.main.uploads]\n{settings}\n")


def http_files(root: Path) -> list[str]:
    """What there is of an HTTP server in /etc."""
    found = [str(path.relative_to(root / "etc")) for path in (root / "etc").rglob("*") if not path.is_dir()]
    return sorted(path for path in found if "http" in path)


def test_an_http_server_is_installed_where_uploads_name_its_account(
    tmp_path: Path, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its account and folder. It is started, as requests may be waiting, and removed with the setting."""
    root, machine = tmp_path / "root", ToldMachine(booted=True)
    monkeypatch.setattr("eggwatch.setup.services.PROOF", 0.0)
    set_up(machine, root, FIRST, wish)
    assert http_files(root) == []
    right = Places(root=root).configuration.read_text()
    with_uploads(root, 'account = "eggwatch-http"')
    machine.ran.clear()
    told = set_up(machine, root, FIRST, wish)
    units = [f"systemd/system/eggwatch-http.{rest}" for rest in ("service", "service.d/folders.conf", "socket")]
    assert http_files(root) == [*units, "sysusers.d/eggwatch-http.conf"]
    assert f"make {wish.drop}/http (mode 0755, eggwatch-http:eggwatch-http)" in told
    assert f"systemd-sysusers {root}/etc/sysusers.d/eggwatch-http.conf" in machine.ran
    assert "systemctl restart eggwatch-http.service" in machine.ran
    assert any(what.startswith("enable ") and what.endswith("eggwatch-http.socket") for what in told)
    Places(root=root).configuration.write_text(right)
    set_up(machine, root, FIRST, wish)
    assert "systemctl stop eggwatch-http.service eggwatch-http.socket" in machine.ran
    assert http_files(root) == ["sysusers.d/eggwatch-http.conf"], "an account stays"


def test_a_folder_for_uploads_of_another_account_is_refused(tmp_path: Path, wish: Wish) -> None:
    root = tmp_path / "root"
    set_up(ToldMachine(), root, FIRST, wish)
    with_uploads(root, 'account = "eggwatch-http"')
    (tmp_path / "data/drop/http").mkdir()
    with pytest.raises(ConfigurationError, match="belongs to eggwatch, and the HTTP server is to run as eggwatch-http"):
        installation_on(ToldMachine(), root).plan(FIRST, wish)


def test_uploads_without_an_account_install_nothing_and_the_setting_is_named(tmp_path: Path, wish: Wish) -> None:
    """The daemon may receive them itself."""
    root = tmp_path / "root"
    set_up(ToldMachine(), root, FIRST, wish)
    with_uploads(root, "anonymous = true")
    installation = installation_on(ToldMachine(), root)
    installation.take(installation.plan(FIRST, wish), lambda _: None)
    assert http_files(root) == []
    assert 'add account = "eggwatch-http"' in " ".join(installation.notes())


def test_a_changed_folder_changes_the_drop_ins_and_nothing_else(tmp_path: Path, wish: Wish) -> None:
    root, machine = tmp_path / "root", ToldMachine({"systemctl is-enabled": "enabled"})
    set_up(machine, root, FIRST, wish)
    configuration = Places(root=root).configuration
    configuration.write_text(configuration.read_text().replace("data/drop", "data/other"))
    told = set_up(machine, root, FIRST, Wish())
    changed = [what for what in told if what.startswith("change ")]
    assert len(changed) == 2, told
    assert f"make {tmp_path}/data/other (mode 3770, root:packages, and a default ACL for the daemon)" in told
    drop_in = (Places(root=root).units / "eggwatch.service.d/folders.conf").read_text()
    assert f"ReadWritePaths=-{tmp_path}/data/other\n" in drop_in.replace('"', "")


def test_a_configuration_is_never_overwritten_and_a_contradiction_is_an_error(tmp_path: Path, wish: Wish) -> None:
    root = tmp_path / "root"
    set_up(ToldMachine(), root, FIRST, wish)
    before = Places(root=root).configuration.read_text()
    with pytest.raises(ConfigurationError, match="contains drop = "):
        installation_on(ToldMachine(), root).plan(FIRST, Wish(drop=tmp_path / "another"))
    set_up(ToldMachine(), root, SECOND, wish)
    assert Places(root=root).configuration.read_text() == before


def test_a_url_is_written_at_the_first_setup_and_a_contradiction_is_an_error(tmp_path: Path, wish: Wish) -> None:
    root, url = tmp_path / "root", "http://files.example.com/"
    set_up(ToldMachine(), root, FIRST, replace(wish, url=url))
    assert load(Places(root=root).configuration).indexes["main"].url == url
    installation_on(ToldMachine(), root).plan(FIRST, Wish(url=url))
    with pytest.raises(ConfigurationError, match=r"does not contain url = https://other\.example\.com/"):
        installation_on(ToldMachine(), root).plan(FIRST, Wish(url="https://other.example.com/"))


def test_every_version_gets_what_the_configuration_needs(tmp_path: Path, wish: Wish) -> None:
    """An upgrade makes a new environment, which needs the packages too; they are not installed twice."""
    machine, root = ToldMachine(), tmp_path / "root"
    set_up(machine, root, FIRST, wish)
    assert not any("eggwatch[" in line for line in machine.ran)
    with Places(root=root).configuration.open("a") as file:
        file.write('metrics = "/run/x.prom"\n[index.main.uploads]\nusers = "htpasswd"\n')
    for code in (FIRST, SECOND):
        machine.ran.clear()
        set_up(machine, root, code, wish)
        home = Places(root=root).current.resolve()
        assert f"{home}/bin/python -I -m pip install --quiet eggwatch[metrics,uploads]" in machine.ran
    for module in ("passlib", "prometheus_client"):
        (home / "lib/python3.11/site-packages" / module).mkdir()
    machine.ran.clear()
    set_up(machine, root, SECOND, wish)
    assert not any("eggwatch[" in line for line in machine.ran)


def test_an_account_is_remembered(tmp_path: Path, wish: Wish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eggwatch.setup.folders.account_name", lambda uid: "publisher")
    root = tmp_path / "root"
    named = replace(wish, account="publisher")
    set_up(ToldMachine(), root, FIRST, named)
    set_up(ToldMachine(), root, SECOND, wish)
    drop_in = (Places(root=root).units / "eggwatch.service.d/folders.conf").read_text()
    assert "User=publisher\nGroup=publisher\n" in drop_in
    assert "\nu     publisher -" in Places(root=root).accounts.read_text()


def test_it_does_not_run_as_root(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not run as root"):
        installation_on(ToldMachine(), tmp_path).plan(FIRST, Wish(account="root"))


@pytest.mark.parametrize("program", ["systemctl", "systemd-sysusers", "systemd-tmpfiles"])
def test_a_machine_without_systemd_is_told_what_to_do_instead(tmp_path: Path, program: str) -> None:
    machine = ToldMachine()
    machine.lacks.add(program)
    with pytest.raises(InstallationError) as error:
        installation_on(machine, tmp_path).plan(FIRST, Wish())
    assert program in error.value.message and "eggwatch run" in error.value.remedy


def test_an_environment_made_by_hand_is_not_touched(tmp_path: Path) -> None:
    home = Places(root=tmp_path).home
    home.mkdir(parents=True)
    (home / "pyvenv.cfg").touch()
    with pytest.raises(InstallationError) as error:
        installation_on(ToldMachine(), tmp_path).plan(FIRST, Wish())
    assert error.value.remedy == f"Move it away: mv {home} {home}.old"


def test_without_the_distributions_systemd_python_it_goes_on_and_says_what_is_missing(
    tmp_path: Path, wish: Wish
) -> None:
    machine = ToldMachine()
    machine.lacks.discard("apt-get")
    machine.fails.add("apt-get")
    installation = installation_on(machine, tmp_path / "root")
    installation.take(installation.plan(FIRST, wish), lambda _: None)
    assert "only the journal's structured fields are missing" in installation.notes()[0]
    assert current(tmp_path / "root") == "1.0"


def test_where_systemd_does_not_run_nothing_is_started_and_it_says_so(tmp_path: Path, wish: Wish) -> None:
    machine = ToldMachine()
    told = set_up(machine, tmp_path / "root", FIRST, wish)
    assert not [what for what in told if what.startswith(("start", "restart", "systemctl"))]
    assert "systemctl --quiet enable eggwatch.service eggwatch-news.service eggwatch-verify.timer" in machine.ran
    assert "nothing was started" in installation_on(machine, tmp_path).notes()[0]


def test_a_catalog_is_put_in_place_and_taken_away_and_journalctl_told_each_time(tmp_path: Path, wish: Wish) -> None:
    machine, root = ToldMachine(), tmp_path / "root"
    shipped = {**SHIPPED, "eggwatch.catalog": b"-- 0\n"}
    set_up(machine, root, Code("1.0", shipped), wish)
    assert Places(root=root).catalog.read_bytes() == b"-- 0\n"
    take(Removal(Places(root=root), machine, shipped).plan(), lambda _: None)
    assert not Places(root=root).catalog.exists()
    assert machine.ran.count("journalctl --update-catalog") == 2


def test_a_removal_leaves_no_file_of_a_setup_but_the_configuration(tmp_path: Path, wish: Wish) -> None:
    machine, root = ToldMachine(), tmp_path / "root"
    set_up(machine, root, FIRST, wish)
    own = Places(root=root).units / "eggwatch.service.d" / "override.conf"
    own.write_text("[Service]\n")
    assert str(own.parent) in " ".join(what_stays(Places(root=root)))
    take(Removal(Places(root=root), machine, SHIPPED).plan(), lambda _: None)
    left = [path for path in root.rglob("*") if not path.is_dir()]
    assert sorted(left) == sorted([own, Places(root=root).configuration])


def test_two_do_not_set_up_a_machine_at_once(tmp_path: Path) -> None:
    with alone(tmp_path / "lock"), pytest.raises(LockHeldError), alone(tmp_path / "lock"):
        pass
    with alone(tmp_path / "lock"):
        pass


def test_a_version_from_before_this_command_is_refused(tmp_path: Path, wish: Wish) -> None:
    with pytest.raises(InstallationError, match="has no units"):
        installation_on(ToldMachine(), tmp_path / "root").plan(Code("0.0.1", {}), wish)
