"""The terms of an index, end to end: configuration, `run --once`, and what becomes of the files."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
from pathlib import Path

import pytest

from eggwatch.linux.accounts import groups_of
from tests.archive_factory import record_line, recorded, sdist, sdist_members, targz_of, wheel, wheel_members, zip_of
from tests.cli.program import Site

ME = pwd.getpwuid(os.geteuid()).pw_name
MY_GROUP = grp.getgrgid(os.getegid()).gr_name


def refused(site: Site, archive: tuple[str, bytes]) -> list[str]:
    """Upload a file, run one round, and answer with the codes of its refusal; none if it was published."""
    site.put(archive)
    done = site.call("run", "--once")
    event = site.events()[-1]
    assert event["filename"] == archive[0]
    assert (done.code == 0) == (event["event"] == "admitted"), done.err
    return [] if event["event"] == "admitted" else [flaw["code"] for flaw in event["flaws"]]


def test_only_owners_publish(tmp_path: Path) -> None:
    """By name and by group; the reason in the drop folder says who may, who it was, and where to read on."""
    owners = f'{{ "mine-*" = ["{ME}"], "ours" = ["@{MY_GROUP}"], "theirs" = ["somebody-else"] }}'
    site = Site(tmp_path, owners=owners)
    assert refused(site, sdist("mine-1")) == refused(site, sdist("ours")) == refused(site, sdist("free")) == []
    assert refused(site, sdist("theirs")) == ["not-owner"]
    reason = (site.drop / "rejected" / "theirs-1.0.tar.gz.reason.txt").read_text()
    assert "[refuse] not-owner: theirs\n" in reason
    assert "somebody-else (owners)" in reason and f"was uploaded by {ME}" in reason
    assert "eggwatch explain not-owner\n" in reason
    assert "eggwatch check" not in reason, "only this index knows whose a project is"


@pytest.mark.root
def test_the_first_uploader_owns(tmp_path: Path) -> None:
    """Who uploads a project's first file owns it, also when two begin it in one batch, and after a rebuild."""
    site = Site(tmp_path, first_uploader_owns="true")
    second = site.put(sdist("demo", "2.0"))
    os.chown(second, 1, 1)
    os.rename(second, site.drop / ".held.part")
    assert refused(site, sdist("demo", "1.0")) == []
    os.rename(site.drop / ".held.part", second)
    assert site.call("run", "--once").code == 1
    assert [flaw["code"] for flaw in site.events()[-1]["flaws"]] == ["not-owner"]
    (site.state / "catalog.sqlite3").unlink()
    assert refused(site, sdist("demo", "3.0")) == []
    shutil.rmtree(site.state)
    assert site.call("rebuild").code == 0
    fourth = site.put(sdist("demo", "4.0"))
    os.chown(fourth, 1, 1)
    assert site.call("run", "--once").code == 1


@pytest.mark.root
def test_of_two_who_begin_a_project_one_owns_it(tmp_path: Path) -> None:
    """Also when both files are judged in the same round."""
    site = Site(tmp_path, first_uploader_owns="true")
    site.put(sdist("demo", "1.0"))
    os.chown(site.put(sdist("demo", "2.0")), 1, 1)
    assert site.call("run", "--once").code == 1
    assert sorted(event["event"] for event in site.events()) == ["admitted", "rejected"]


def test_a_release_has_one_sdist(tmp_path: Path) -> None:
    """1.0 and 1.0.0 are one release, also in one batch; without the first, the second may come."""
    site = Site(tmp_path)
    site.put(sdist("demo", "1.0"))
    site.put(sdist("demo", "1.0.0", files={"other.py": b""}))
    assert site.call("run", "--once").code == 1
    assert sorted(event["event"] for event in site.events()) == ["admitted", "rejected"]
    assert [flaw["code"] for flaw in site.events()[-1]["flaws"]] == ["sdist-exists"]
    assert refused(site, wheel("demo", "1.0.0")) == []
    loser = next(event["filename"] for event in site.events() if event["event"] == "rejected")
    (winner,) = [name for name in site.filenames("demo") if name.endswith(".tar.gz")]
    assert site.call("remove", winner).code == 0
    version = loser.removeprefix("demo-").removesuffix(".tar.gz")
    assert refused(site, sdist("demo", version, files={"other.py": b"1"})) == []


def test_the_same_bytes_have_one_name(tmp_path: Path) -> None:
    """Also in one batch: the name that was claimed first is published."""
    name, data = sdist("demo", "1.0")
    site = Site(tmp_path, rules='{ sdist-exists = "off", sdist-top-folder = "off" }')
    site.put((name, data))
    site.put(("demo-1.0.0.tar.gz", data))
    assert site.call("run", "--once").code == 1
    assert sorted(event["event"] for event in site.events()) == ["admitted", "rejected"]
    assert [flaw["code"] for flaw in site.events()[-1]["flaws"]] == ["same-bytes"]


def test_the_profile_pypi_refuses_what_the_default_warns_of(tmp_path: Path) -> None:
    """The same archive, in two indexes; a warning stands in the receipt."""
    archive = wheel(tags="py3-none-linux_x86_64")
    mild, strict = Site(tmp_path / "mild"), Site(tmp_path / "strict", profile='"pypi"')
    assert refused(mild, archive) == []
    assert "Warning, platform-tag-linux: " in (mild.drop / "receipts" / f"{archive[0]}.txt").read_text()
    assert refused(strict, archive) == ["platform-tag-linux"]


def test_readmes_are_rendered_where_that_decides(tmp_path: Path) -> None:
    """The profile pypi refuses one that does not render; by default it does not hold an upload up."""
    metadata = "Description-Content-Type: text/x-rst\n"
    members = wheel_members(metadata_extra=metadata)
    info = "demo-1.0.dist-info"
    members[f"{info}/METADATA"] += b"\n.. include:: /etc/passwd\n\n`broken\n======\n"
    lines = "".join(record_line(name, data) for name, data in members.items() if not name.endswith("RECORD"))
    members[f"{info}/RECORD"] = f"{lines}{info}/RECORD,,\n".encode()
    archive = ("demo-1.0-py3-none-any.whl", zip_of(members))
    assert refused(Site(tmp_path / "mild"), archive) == []
    assert "readme-unrenderable" in refused(Site(tmp_path / "strict", profile='"pypi"'), archive)


def test_rules_have_the_last_word(tmp_path: Path) -> None:
    """A warning may refuse, a refusal may warn, and what is off is not even told."""
    archive = wheel(tags="py3-none-linux_x86_64")
    assert refused(Site(tmp_path / "a", rules='{ platform-tag-linux = "refuse" }'), archive) == ["platform-tag-linux"]
    members = {**wheel_members(), "demo-1.0.data/scripts/folder/x": b""}
    added = ("demo-1.0-py3-none-any.whl", zip_of(recorded(members)))
    assert refused(Site(tmp_path / "b"), added) == ["wheel-data-folder"]
    site = Site(tmp_path / "c", rules='{ wheel-data-folder = "off" }')
    assert refused(site, added) == [] and site.events()[-1]["flaws"] == []


def shown_status(site: Site, project: str) -> object:
    """The status on a project's page, which HTML and JSON tell alike."""
    data = json.loads((site.public / f"simple/{project}/index.v1_json").read_bytes())
    status = data.get("project-status", {}).get("status")
    html = (site.public / f"simple/{project}/index.html").read_text()
    assert ("pypi:project-status" in html) == (status is not None)
    return status


def test_an_archived_project_says_so_on_its_page_and_on_no_other(tmp_path: Path) -> None:
    """From the next run on, and until it is taken out again; verify is content before and after."""
    site = Site(tmp_path)
    assert refused(site, sdist("old-demo")) == refused(site, sdist("new-demo")) == []
    pages = {project: site.public / f"simple/{project}/index.html" for project in ("old-demo", "new-demo")}
    untouched = pages["new-demo"].stat()
    for setting, status in (('["Old_Demo", "unborn"]', "archived"), ("[]", None)):
        site.settings["archived"] = setting
        site.write_config()
        assert site.call("verify").code == 0, "no damage: nobody has read the configuration yet"
        assert site.call("run", "--once").code == 0
        assert (shown_status(site, "old-demo"), shown_status(site, "new-demo")) == (status, None)
        assert site.call("verify").code == 0
        assert site.call("render", str(tmp_path / f"render-{status}")).code == 0
        fresh = tmp_path / f"render-{status}" / "simple" / "old-demo" / "index.html"
        assert fresh.read_bytes() == pages["old-demo"].read_bytes()
    status_now = pages["new-demo"].stat()
    assert (status_now.st_ino, status_now.st_mtime_ns) == (untouched.st_ino, untouched.st_mtime_ns)


def test_names_and_sizes_have_their_limits(tmp_path: Path) -> None:
    """As the configuration sets them; those of one project are added up, also within a batch."""
    size = len(sdist("demo", "1.0")[1])
    site = Site(
        tmp_path,
        forbidden_names='["requests"]',
        archived='["Old_Demo"]',
        max_project_size=f'"{size * 2}B"',
        reserved_prefixes='["acme-"]',
        max_file_size='"4KiB"',
    )
    assert refused(site, sdist("requests")) == ["name-forbidden"]
    assert refused(site, sdist("old-demo")) == ["project-archived"]
    assert refused(site, sdist("acme-x")) == ["name-reserved"]
    big = {**sdist_members("big"), "big-1.0/data": os.urandom(5000)}
    assert "file-too-large" in refused(site, ("big-1.0.tar.gz", targz_of(big)))
    for version in ("1.0", "2.0", "3.0"):
        site.put(sdist("demo", version))
    assert site.call("run", "--once").code == 1
    assert len(site.filenames("demo")) in (1, 2)
    assert [flaw["code"] for flaw in site.events()[-1]["flaws"]] == ["project-too-large"]


def test_groups_are_those_of_the_account() -> None:
    """An account that is not there has none."""
    assert MY_GROUP in groups_of(os.geteuid()) or os.getegid() != pwd.getpwuid(os.geteuid()).pw_gid
    assert groups_of(2**31 - 7) == frozenset()
