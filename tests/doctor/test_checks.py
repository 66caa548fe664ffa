"""Checks of what no test can break on a real machine: units, daemons that fell silent, servers, clocks."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch import __version__
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.uploads import Anonymous, UploadDoor
from eggwatch.doctor import CHECKS, environment, examine
from eggwatch.doctor.configuration import reached
from eggwatch.doctor.environment import (
    Environment,
    Finding,
    Unchecked,
    Unit,
    configuration_of,
    of_process,
    of_unit,
    surroundings_of,
)
from eggwatch.doctor.service import may_write
from eggwatch.linux import access
from eggwatch.linux.access import ENTER, WRITE, Account, granting, is_granted
from eggwatch.model.events import timestamp
from eggwatch.model.names import shown
from eggwatch.model.status import Status
from eggwatch.policy.rules import Profile
from eggwatch.policy.subscriptions import Digest, Mail, MailServer, Webhook
from eggwatch.policy.terms import Terms
from eggwatch.store.state.tokens import Token, TokenFile

STRICT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "ProtectSystem": "strict",
    "ReadWritePaths": "/srv/drop /srv/eggwatch",
    "StateDirectory": "eggwatch",
    "AmbientCapabilities": "cap_lease cap_dac_read_search cap_fowner",
}
"""As `systemctl show` has the properties of contrib/systemd/eggwatch.service."""
NOW = 1_800_000_000.0


@pytest.fixture
def config(tmp_path: Path) -> IndexConfig:
    """Three folders."""
    for name in ("drop", "public", "state"):
        (tmp_path / name).mkdir()
    return IndexConfig(name="main", drop=tmp_path / "drop", public=tmp_path / "public", state=tmp_path / "state")


@pytest.fixture
def around(config: IndexConfig) -> Environment:
    """What is around them: the account of this process, which owns them."""
    account = of_process(os.getpid())
    assert account is not None
    return Environment(config=config, account=account, now=NOW)


def found(around: Environment, check: str) -> list[str]:
    """What a check finds, as its problems."""
    return [outcome.problem for outcome in CHECKS[check](around) if isinstance(outcome, Finding)]


@pytest.mark.parametrize("folder", ["/srv/drop", "/srv/drop/below", "/srv/eggwatch", "/var/lib/eggwatch"])
def test_a_unit_may_write_where_its_paths_say(folder: str) -> None:
    """ReadWritePaths and StateDirectory, and what lies below them."""
    assert may_write(STRICT, Path(folder))


@pytest.mark.parametrize("folder", ["/srv", "/srv/drop2", "/var/lib/prometheus"])
def test_a_strict_unit_may_write_nowhere_else(folder: str) -> None:
    """ProtectSystem=strict leaves the rest read-only; without it /srv and /var are open."""
    assert not may_write(STRICT, Path(folder))
    assert may_write({**STRICT, "ProtectSystem": "full"}, Path(folder))
    assert may_write({**STRICT, "BindPaths": f"/elsewhere:{folder}:rbind"}, Path(folder))


def test_a_unit_that_may_not_write_is_found_with_the_line_that_it_lacks(around: Environment) -> None:
    """One finding for each folder that it may not write to."""
    outside = replace(around, unit=Unit(name="eggwatch.service", properties=STRICT))
    lines = [one.remedy for one in CHECKS["unit"](outside) if isinstance(one, Finding)]
    assert len(lines) == 3
    assert f"ReadWritePaths={around.config.drop}" in lines[0]
    paths = " ".join(map(str, around.folders.values()))
    inside = replace(outside, unit=Unit(name="eggwatch.service", properties={**STRICT, "ReadWritePaths": paths}))
    assert found(inside, "unit") == []
    with_metrics = replace(inside, config=replace(around.config, metrics=Path("/var/lib/prometheus/eggwatch.prom")))
    assert found(with_metrics, "unit") == ["may not write to /var/lib/prometheus (metrics)"]


def test_a_failed_unit_is_found(around: Environment) -> None:
    """systemd does not restart it any more."""
    properties = {**STRICT, "ActiveState": "failed", "ProtectSystem": "no"}
    assert found(replace(around, unit=Unit(name="eggwatch.service", properties=properties)), "unit") == ["has failed"]


def test_the_server_of_uploads_has_an_account_and_a_folder_of_its_own(around: Environment) -> None:
    """Each step of the remedy leads to the next finding, until there is none."""
    assert found(around, "http") == []

    def received_by(account: str) -> Environment:
        return replace(around, config=replace(around.config, uploads=UploadDoor(account=account)))

    assert found(received_by("nobody-of-that-name"), "http") == ["the account that receives uploads does not exist"]
    own = received_by(around.known_account.name)
    assert "there is no such folder" in found(own, "http")[0]
    folder = around.config.drop / "http"
    folder.mkdir(mode=0o755)
    folder.chmod(0o775)
    assert "who alone may write to it" in found(own, "http")[0]
    folder.chmod(0o755)
    assert found(own, "http") == []
    failed = Unit(name="eggwatch-http.socket", properties={"ActiveState": "failed"})
    assert found(replace(own, http_units=(failed,)), "http") == ["has failed"]


def test_the_account_of_a_unit_has_its_capabilities() -> None:
    """Root has all, a system user its ambient ones; an account that does not exist here gives None."""
    root = of_unit(Unit(name="eggwatch.service", properties={}))
    assert root is not None and (root.uid, "CAP_LEASE" in (root.capabilities or ())) == (0, True)
    nobody = of_unit(Unit(name="eggwatch.service", properties={**STRICT, "User": "nobody"}))
    assert nobody is not None
    assert nobody.capabilities == {"CAP_LEASE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"}
    assert of_unit(Unit(name="eggwatch.service", properties={"User": "nobody-of-that-name"})) is None


def test_a_daemon_that_fell_silent_is_found(around: Environment) -> None:
    """It holds the lock, and has not written its status for minutes."""
    status = Status(pid=7, at=timestamp(NOW - 100), eggwatch=__version__)
    assert found(replace(around, daemon=7, status=status), "daemon") == []
    (problem,) = found(replace(around, daemon=7, status=replace(status, at=timestamp(NOW - 400))), "daemon")
    assert "400 s" in problem


def test_a_daemon_of_an_older_version_is_found(around: Environment) -> None:
    """After an upgrade it has to be restarted."""
    status = Status(pid=7, at=timestamp(NOW), eggwatch="0.0.1")
    (problem,) = found(replace(around, daemon=7, status=status), "daemon")
    assert "0.0.1" in problem and __version__ in problem


def test_a_clock_behind_the_ledger_is_found(around: Environment) -> None:
    """More than a minute is no rounding."""
    assert found(replace(around, last_event_at=timestamp(NOW + 30)), "clock") == []
    (problem,) = found(replace(around, last_event_at=timestamp(NOW + 3600)), "clock")
    assert "3600 s before" in problem


def test_a_missing_library_is_found(around: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the configuration asks for it."""
    monkeypatch.setattr("eggwatch.doctor.service.find_spec", lambda _: None)
    assert found(around, "libraries") == []
    door = UploadDoor(users=around.config.state / "htpasswd")
    metrics = around.config.state / "x.prom"
    config = replace(around.config, terms=Terms(profile=Profile.PYPI), metrics=metrics, uploads=door)
    problems = found(replace(around, config=config), "libraries")
    assert [problem.split()[3] for problem in problems] == ["readme_renderer,", "prometheus_client,", "passlib,"]


def test_owners_may_be_users_of_the_upload_door(around: Environment) -> None:
    """With a password or a token, or logged in by the web server in front; `anonymous` where it is allowed."""
    names = frozenset(("with-password", "with-token", "anonymous", "root", "nobody-at-all"))
    users = around.config.state / "htpasswd"
    users.write_text("with-password:$2y$05$\n")
    TokenFile(around.config.state).add(Token(id="1", sha256="", user="with-token", created="", actor="root"))

    def unknown(door: UploadDoor | None) -> list[str]:
        config = replace(around.config, terms=Terms(owners={"acme-*": names}), uploads=door)
        return [problem.split()[3].rstrip(",") for problem in found(replace(around, config=config), "names")]

    assert unknown(None) == ["anonymous", "nobody-at-all", "with-password", "with-token"]
    assert unknown(UploadDoor()) == ["anonymous", "nobody-at-all", "with-password"]
    assert unknown(UploadDoor(users=users, anonymous=Anonymous.LOOPBACK)) == ["nobody-at-all"]
    assert unknown(UploadDoor(remote_user=True)) == []


def test_passwords_and_tokens_that_others_may_write_to_are_found(around: Environment) -> None:
    """Whoever may write there can upload in anybody's name."""
    config = replace(around.config, uploads=UploadDoor(users=around.config.state.parent / "htpasswd"))
    files = (config.state.parent / "htpasswd", config.state / "tokens.json")
    for file in files:
        file.touch(0o644)
    assert found(replace(around, config=config), "writers") == []
    for file in files:
        file.chmod(0o666)
    assert len(found(replace(around, config=config), "writers")) == 2


@pytest.mark.parametrize(
    ("url", "is_open"),
    [("http://files.example.com/", True), ("https://files.example.com/", False), ("http://127.0.0.1:8080/", False)],
)
def test_passwords_that_are_sent_unencrypted_over_a_network_are_found(
    around: Environment, url: str, is_open: bool
) -> None:
    """Nothing is found if no user has a password or token."""
    for door, has_any in ((UploadDoor(users=Path("/x")), True), (UploadDoor(), False), (None, False)):
        config = replace(around.config, url=url, uploads=door)
        assert len(found(replace(around, config=config), "logins")) == int(is_open and has_any)


def test_a_password_file_that_everybody_may_read_is_found(around: Environment) -> None:
    users = around.config.state.parent / "htpasswd"
    assert not users.exists()
    door = replace(around, config=replace(around.config, uploads=UploadDoor(users=users, account="eggwatch-http")))
    assert found(door, "logins") == []
    users.touch(0o640)
    assert found(door, "logins") == []
    users.chmod(0o644)
    (finding,) = CHECKS["logins"](door)
    assert isinstance(finding, Finding) and finding.remedy == f"chmod o= {users}; setfacl -m u:eggwatch-http:r {users}"


def test_a_server_that_answers_is_sound_and_told_nothing() -> None:
    """A connection is made, and nothing is sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert list(reached("mail", *server.getsockname())) == []
        channel, _ = server.accept()
        with channel:
            assert channel.recv(10) == b""


def test_a_server_that_does_not_answer_is_found() -> None:
    """A closed port, and a host that does not exist."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (closed,) = reached("mail", "127.0.0.1", port)
    assert (closed.where, "refused" in closed.problem) == (f"mail: 127.0.0.1:{port}", True)
    (unknown,) = reached("mail", "nowhere.invalid", 25)
    assert unknown.remedy.endswith("getent hosts nowhere.invalid")


def test_mail_and_webhooks_are_asked_only_where_they_are_configured(around: Environment) -> None:
    """One connection to each server, even if a digest is sent by the same one."""
    assert (found(around, "mail"), found(around, "webhooks")) == ([], [])
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mail, digest = (kind(server=MailServer(host="127.0.0.1", port=port)) for kind in (Mail, Digest))
    hook = Webhook(name="webhook.ci", url=f"http://127.0.0.1:{port}/hook")
    config = replace(around.config, subscriptions=(mail, digest, hook, Webhook(name="webhook.chat", url_file="x")))
    assert len(found(replace(around, config=config), "mail")) == 1
    assert len(found(replace(around, config=config), "webhooks")) == 1


def test_without_a_known_account_its_checks_are_not_made(config: IndexConfig) -> None:
    """The owner of the index is unknown: the checks are reported as not made, and not as passed."""
    told = examine(Environment(config=config, account=None))
    unchecked = {one.check for one in told if isinstance(one.outcome, Unchecked)}
    assert unchecked >= {"way", "drop-acl", "drop-access", "owners", "capabilities"}


def test_one_index_is_looked_around_without_a_trace(config: IndexConfig) -> None:
    """If an index has never run, the owner of STATE counts as the daemon's account. Nothing is created."""
    around = surroundings_of(config, None)
    assert around.account is not None and around.account.uid == os.geteuid()
    assert (around.daemon, around.last_event_at) == (None, None)
    assert list(config.state.iterdir()) == []


def test_the_documentation_lists_every_check() -> None:
    """docs/watching.rst names them all, in their order."""
    text = (Path(__file__).parents[2] / "docs" / "watching.rst").read_text().partition("\ndoctor\n")[2]
    assert re.findall(r"^``([a-z-]+)``  ", text, re.MULTILINE) == list(CHECKS)
    assert f"({len(CHECKS)} checks)" in text


def exec_start(command: str) -> str:
    """As `systemctl show` writes it."""
    return f"{{ path={command.split()[0]} ; argv[]={command} ; ignore_errors=no ; start_time=[n/a] ; status=0/0 }}"


INSTALLED = "/opt/eggwatch/bin/eggwatch --config /etc/eggwatch/eggwatch.toml run --without-news"


@pytest.mark.parametrize(
    ("command", "configuration"),
    [
        (INSTALLED, "/etc/eggwatch/eggwatch.toml"),
        ("/usr/bin/eggwatch run --config=/etc/eggwatch/team.toml", "/etc/eggwatch/team.toml"),
        ("/usr/bin/python3 -m eggwatch run", "/etc/eggwatch/eggwatch.toml"),
        ("/opt/eggwatch/bin/eggwatch --config /etc/eggwatch/eggwatch.toml verify", None),
        ("/usr/sbin/sshd -D", None),
    ],
)
def test_a_unit_runs_the_configuration_that_its_command_names(command: str, configuration: str | None) -> None:
    """Without --config it is the default one; a unit that does not run eggwatch has none."""
    found = configuration_of(Unit(name="x.service", properties={"ExecStart": exec_start(command)}))
    assert found == (None if configuration is None else Path(configuration))


@pytest.mark.parametrize(
    ("source", "unit"),
    [
        ("/etc/eggwatch/eggwatch.toml", "eggwatch.service"),
        ("/etc/eggwatch/eggwatch.tom", None),
        ("eggwatch.toml", None),
        ("/home/alice/eggwatch.toml", None),
        (None, None),
    ],
)
def test_another_configuration_is_not_the_installed_units(
    config: IndexConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str | None, unit: str | None
) -> None:
    """A finding must not name a unit that never reads this configuration."""
    properties = {**STRICT, "ExecStart": exec_start(INSTALLED)}
    monkeypatch.setattr(environment, "SYSTEMD", tmp_path)
    monkeypatch.setattr(environment, "_shown", lambda name: Unit(name=name, properties=properties))
    around = surroundings_of(config, None if source is None else Path(source))
    assert (around.unit and around.unit.name) == unit


@pytest.mark.parametrize(
    ("owner", "group", "mode", "command"),
    [(1, 2, 0o070, "chmod u+x"), (9, 2, 0o701, "chmod g+x"), (9, 9, 0o770, "chmod o+x")],
)
def test_a_right_is_given_to_the_class_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, group: int, mode: int, command: str
) -> None:
    """A right for others does not help the file's owner or its group."""
    account = Account(name="egg", uid=1, gids=frozenset((2,)))
    status = os.stat_result((0o040000 | mode, 1, 1, 1, owner, group, 0, 0, 0, 0))
    monkeypatch.setattr(access.os, "stat", lambda *_, **__: status)
    monkeypatch.setattr(access, "access_acl", lambda _: ())
    assert not is_granted(account, status, (), ENTER)
    assert granting(account, tmp_path, ENTER) == f"{command} {tmp_path}"


@pytest.mark.parametrize(("name", "word"), [("egg", "egg"), ("uid:2001", "2001")])
def test_a_right_can_be_given_to_an_account_that_has_no_name(tmp_path: Path, name: str, word: str) -> None:
    """setfacl knows it by its bare number."""
    account = Account(name=name, uid=2001, gids=frozenset((2001,)))
    assert granting(account, tmp_path, WRITE | ENTER) == f"setfacl -m u:{word}:wx {tmp_path}"


@pytest.mark.parametrize("name", ["two words", "two\nlines", "caf\udce9"])
def test_a_remedy_reaches_a_folder_of_any_name(around: Environment, tmp_path: Path, name: str) -> None:
    """Also as it is shown on a terminal, where control characters are escaped."""
    drop = tmp_path / name
    (finding,) = CHECKS["drop-there"](replace(around, config=replace(around.config, drop=drop)))
    assert isinstance(finding, Finding)
    subprocess.run(["bash", "-ec", shown(finding.remedy)], check=True)
    assert drop.is_dir()
    drop.chmod(0o040)
    subprocess.run(["bash", "-ec", shown(granting(around.known_account, drop, WRITE))], check=True)
    assert drop.stat().st_mode & 0o777 == 0o240


@pytest.mark.parametrize("left", ["nothing", "a file"])
def test_a_drop_folder_that_is_none_is_made_by_the_remedy(around: Environment, left: str) -> None:
    """The remedy is carried out: it names only groups that exist here, and then nothing is found."""
    drop = around.config.drop
    drop.rmdir()
    if left == "a file":
        drop.write_text("somebody's")
    (finding,) = [one for one in CHECKS["drop-there"](around) if isinstance(one, Finding)]
    subprocess.run(["sh", "-ec", finding.remedy], check=True)
    assert found(around, "drop-there") == []
