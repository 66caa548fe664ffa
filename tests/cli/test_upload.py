"""eggwatch upload: to a real server with a real daemon, and by scp."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import passlib.hash
import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.program import Done, Site
from tests.once import mostly_long
from tests.uploaders.servers import running_sshd
from tests.webserver.door import Door, open_door

UPLOADS = '{ users = "htpasswd" }'


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """An index for alice, with her password; demo is hers."""
    site = Site(tmp_path / "site", uploads=UPLOADS, owners='{ "demo" = ["alice"] }')
    (site.base / "htpasswd").write_text(f"alice:{passlib.hash.bcrypt.using(rounds=4).hash('secret')}\n")
    with open_door(tmp_path / "site", uploads=UPLOADS, owners='{ "demo" = ["alice"] }') as door:
        yield door


@pytest.fixture
def afar(tmp_path: Path) -> Site:
    """A machine without any index, but with two archives."""
    site = Site(tmp_path / "afar", bare=True)
    for name, data in (sdist("demo", "1.0"), wheel("demo", "1.0")):
        (site.base / name).write_bytes(data)
    (site.base / "password").write_text("secret\n")
    return site


def archives(afar: Site) -> list[Path]:
    return sorted(path for path in afar.base.iterdir() if path.name.startswith("demo-"))


def with_password(afar: Site, door: Door, *files: Path, **options: str) -> Done:
    given = {"to": door.url, "user": "alice", "password-file": str(afar.base / "password"), **options}
    return afar.call("upload", *files, *(f"--{name}={value}" for name, value in given.items()))


def test_what_is_uploaded_with_a_password_can_be_installed_at_once(door: Door, afar: Site) -> None:
    done = with_password(afar, door, *archives(afar))
    assert (done.code, done.err) == (0, ""), done
    assert done.out.splitlines() == [f"{path.name} is published." for path in archives(afar)]
    assert door.site.filenames("demo") == [path.name for path in archives(afar)]
    assert {event["uploader"] for event in door.site.events() if event["event"] == "admitted"} == {"alice"}
    assert with_password(afar, door, archives(afar)[0]).code == 0


@pytest.mark.parametrize("suffix", mostly_long(("", "legacy", "legacy/", "simple/")))
def test_each_url_of_the_index_and_a_token_will_do(door: Door, afar: Site, suffix: str) -> None:
    secret = str(door.site.call("token", "create", "--user", "alice", "--json").row["token"])
    done = afar.call("upload", *archives(afar), "--to", door.url + suffix, "--json", env={"EGGWATCH_TOKEN": secret})
    assert (done.code, [row["installable"] for row in done.rows]) == (0, [True, True]), done


def test_a_rejection_is_1_with_all_reasons_and_the_others_are_uploaded(door: Door, afar: Site) -> None:
    good, other = archives(afar)
    assert with_password(afar, door, good).code == 0
    good.write_bytes(wheel("demo", "1.1")[1])
    done = with_password(afar, door, good, other)
    assert (done.code, "File already exists" in done.out) == (1, True), done
    assert f"{other.name} is published." in done.out


def test_a_wrong_password_is_1_and_is_not_shown(door: Door, afar: Site) -> None:
    (afar.base / "password").write_text("mistake\n")
    done = with_password(afar, door, archives(afar)[0])
    assert (done.code, "mistake" in done.out + done.err) == (1, False), done
    assert door.site.events() == []


def test_a_daemon_that_is_stopped_is_waited_for_and_then_4(door: Door, afar: Site) -> None:
    door.daemon.stop()
    done = with_password(afar, door, archives(afar)[0], timeout="1s")
    assert (done.code, "daemon" in done.err) == (4, True), done


def test_what_is_no_door_is_2(afar: Site, door: Door) -> None:
    door.server.stop()
    assert with_password(afar, door, archives(afar)[0]).code == 2
    for options in (["--to", "somewhere"], ["--to", "ftp://h/"], ["--to", door.url, "--user", "alice"]):
        done = afar.call("upload", archives(afar)[0], *options)
        assert (done.code, done.out) == (2, ""), done
    done = afar.call("upload", archives(afar)[0], "--to", "http://alice:secret@127.0.0.1:1/")
    assert (done.code, "--user" in done.err) == (2, True), done


@pytest.fixture
def scp(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment whose scp knows a real sshd on this machine as `h`, as ~/.ssh/config would say it."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    with running_sshd(folder) as sshd:
        program = folder / "bin" / "scp"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {shutil.which("scp")} -F {sshd.config} -o User=root "$@"\n')
        program.chmod(0o755)
        yield {"PATH": f"{program.parent}:{os.environ['PATH']}"}


@pytest.mark.parts
@pytest.mark.root
def test_after_scp_the_pages_are_asked_for_the_verdict(door: Door, afar: Site, scp: dict[str, str]) -> None:
    to = ["--to", f"h:{door.site.drop}/"]
    done = afar.call("upload", *archives(afar), *to, "--url", door.url, "--timeout", "1s", env=scp)
    assert done.code == 4, done  # demo belongs to alice, and a rejection is only visible in the drop folder
    other = afar.base / "other-1.0.tar.gz"
    other.write_bytes(sdist("other", "1.0")[1])
    done = afar.call("upload", other, *to, "--url", door.url, env=scp)
    assert (done.code, "other-1.0.tar.gz: installable" in done.out) == (0, True), done
    blind = afar.call("upload", other, *to, env=scp)
    assert (blind.code, "receipts/" in blind.out) == (0, True), blind


@pytest.mark.parts
@pytest.mark.root
def test_a_copy_that_fails_is_2(afar: Site, scp: dict[str, str]) -> None:
    done = afar.call("upload", archives(afar)[0], "--to", "h:/does/not/exist/", env=scp)
    assert (done.code, "was not uploaded" in done.err) == (2, True), done
