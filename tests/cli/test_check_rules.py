"""eggwatch check: by whose rules, and how many files at once."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from eggwatch.cli import check as checking
from tests.archive_factory import sdist, sdist_members, targz_of, wheel, zip_of
from tests.cli.program import Site
from tests.running import until

LINUX = ("demo-1.0-py3-none-linux_x86_64.whl", wheel(tags="py3-none-linux_x86_64")[1])
"""A wheel that the default profile warns of, and PyPI refuses."""


def levels(site: Site, *arguments: str | Path) -> dict[str, str]:
    """Level by code, of one file."""
    return {flaw["code"]: flaw["level"] for flaw in site.call("check", "--json", *arguments).row["flaws"]}


def test_the_default_profile_warns_and_pypi_refuses(place: Site) -> None:
    """--profile chooses by which measure a file is judged."""
    file = place.build(LINUX)
    assert levels(place, file) == {"platform-tag-linux": "warn"}
    assert levels(place, "--profile", "pypi", file) == {"platform-tag-linux": "refuse"}
    assert place.call("check", file).code == 0
    assert place.call("check", "--profile", "pypi", file).code == 1


def test_the_profile_strict_refuses_for_form(place: Site) -> None:
    """An sdist without pyproject.toml is what neither PyPI nor an installer refuses."""
    members = {name: data for name, data in sdist_members().items() if not name.endswith("pyproject.toml")}
    file = place.build(("demo-1.0.tar.gz", targz_of(members)))
    assert levels(place, "--profile", "pypi", file) == {"sdist-no-pyproject": "warn"}
    assert levels(place, "--profile", "strict", file) == {"sdist-no-pyproject": "refuse"}


def test_a_format_that_the_index_does_not_accept_is_rejected(tmp_path: Path) -> None:
    """As the daemon would leave it where it is; --profile asks for no index."""
    site = Site(tmp_path, formats='["wheel"]')
    done = site.call("check", site.build(wheel()), site.build(sdist()), "--json")
    assert [(row["verdict"], len(row["flaws"])) for row in done.rows] == [("admit", 0), ("reject", 1)]
    assert "does not accept sdists" in done.rows[1]["flaws"][0]["message"]
    assert site.call("check", "--profile", "default", site.build(sdist())).code == 0


@pytest.mark.parametrize("platform", ["win_amd64", "macosx_11_0_arm64", "manylinux_2_28_aarch64"])
def test_a_wheel_for_another_system_has_a_line_that_says_so(place: Site, platform: str) -> None:
    """It is no fault, and no warning; one for any system, or for the usual server, has none."""
    foreign = place.call("check", place.build(wheel(tags=f"py3-none-{platform}")))
    assert foreign.code == 0 and f"It is for {platform} only" in foreign.out and "[warn]" not in foreign.out
    for usual in ("any", "manylinux_2_28_x86_64"):
        assert "It is for" not in place.call("check", place.build(wheel(tags=f"py3-none-{usual}"))).out


def test_an_unknown_profile_is_2(place: Site) -> None:
    """There are three, and the error names them."""
    done = place.call("check", "--profile", "severe", place.build(LINUX))
    assert done.code == 2 and all(profile in done.err for profile in ("default", "pypi", "strict"))


def test_the_rules_are_those_of_the_configuration(tmp_path: Path) -> None:
    """A configuration is enough, its folders need not be there; --profile stands alone."""
    site = Site(tmp_path, bare=True, rules='{ platform-tag-linux = "off" }', profile='"pypi"')
    site.write_config()
    file = site.build(LINUX)
    assert levels(site, file) == {}
    assert levels(site, "--profile", "default", file) == {"platform-tag-linux": "warn"}
    assert not site.state.exists()


def test_indexes_with_different_rules_have_to_be_chosen_from(place: Site) -> None:
    """Where they are the same it does not matter."""
    text = "".join(f'[index.{n}]\ndrop = "{n}/d"\npublic = "{n}/p"\nstate = "{n}/s"\n' for n in "ab")
    file = place.build(LINUX)
    place.write_config(text)
    assert place.call("check", file).code == 0
    place.write_config(f'{text}profile = "pypi"\n')
    done = place.call("check", file)
    assert done.code == 2 and "a, b" in done.err
    assert place.call("check", "--index", "b", file).code == 1


def test_a_flaw_says_where_to_read_on(place: Site) -> None:
    """The output for people ends with the command that explains the codes, each once."""
    done = place.call("check", place.build(LINUX))
    assert done.out.endswith("  More: eggwatch explain platform-tag-linux\n")


def test_hostile_names_are_shown_and_not_sent(place: Site) -> None:
    """A member's name can't move the cursor, nor begin a line of its own."""
    name, _ = wheel()
    file = place.build((name, zip_of({"../a\x1b[2J\nfake: admit": b""})))
    out = place.call("check", file).out
    assert "\x1b" not in out and "\nfake" not in out


def test_many_files_are_judged_by_several_processes_in_order(place: Site) -> None:
    """Results come in the order of the arguments, each as if the file were alone."""
    files = [place.build(sdist(version=f"{number}.0")) for number in range(12)]
    files[5] = place.build(("bad-1.0.tar.gz", b"nothing"))
    rows = place.call("check", "--json", *files).rows
    assert [row["file"] for row in rows] == [str(file) for file in files]
    assert [row["verdict"] for row in rows] == ["reject" if number == 5 else "admit" for number in range(12)]


def test_an_interrupt_ends_all_processes(place: Site) -> None:
    """Ctrl-C ends with 130 and without a traceback, whatever the helpers are about to do."""
    files = [place.build(sdist(version=f"{number}.0")) for number in range(40)]
    process = place.start("check", *(files * 50), start_new_session=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in errors) == (130, False)
    until("all processes have ended", lambda: not living(process.pid))


def living(group: int) -> list[str]:
    """The processes of a group that still run (proc(5): state and group follow the name in brackets)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgid, *_ = path.read_text().rpartition(") ")[2].split()
            if int(pgid) == group and state != "Z":
                found.append(str(path))
    return found


def test_an_unreadable_file_is_2(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the reason, and nothing is judged."""
    file = place.build(sdist())
    monkeypatch.setattr(Path, "open", _denied)
    assert checking._unreadable(file) == f"{file} can't be read: Permission denied"


def _denied(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_bug_of_ours_is_a_reject_that_says_so(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the inspection is told as such, with its traceback."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(checking, "inspect", fail)
    (flaw,) = checking.inspection_of(place.build(sdist())).flaws
    assert flaw.code == "eggwatch-error" and "ZeroDivisionError" in flaw.message


def codes(site: Site, *arguments: str | Path) -> list[str]:
    """The codes of all flaws of one file, and its verdict before them."""
    row = site.call("check", "--json", *arguments).row
    return [row["verdict"], *(flaw["code"] for flaw in row["flaws"])]


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ({"forbidden-names": '["demo"]'}, "name-forbidden"),
        ({"allowed-names": '["acme-*"]'}, "name-not-allowed"),
        ({"reserved-prefixes": '["de"]'}, "name-reserved"),
        ({"archived": '["demo"]'}, "project-archived"),
        ({"max-file-size": '"10B"'}, "file-too-large"),
    ],
)
def test_rules_of_an_index_that_need_only_its_configuration_are_applied(
    tmp_path: Path, setting: dict[str, str], code: str
) -> None:
    """Names and sizes are judged as the daemon would; --profile leaves them out."""
    site = Site(tmp_path, bare=True, **setting)
    site.write_config()
    file = site.build(sdist())
    assert codes(site, file) == ["reject", code]
    assert codes(site, "--profile", "default", file) == ["admit"]


def test_owners_are_left_to_the_index(tmp_path: Path) -> None:
    """Whose file it would be is known only when it lies in the drop folder."""
    site = Site(tmp_path, bare=True, owners='{ demo = ["alice"] }')
    site.write_config()
    assert codes(site, site.build(sdist())) == ["admit"]


def test_without_metadata_nothing_is_admitted_whatever_is_off(tmp_path: Path) -> None:
    """As in the daemon: there would be nothing to publish it by."""
    site = Site(tmp_path, bare=True, rules='{ zip-malformed = "off" }')
    site.write_config()
    name, data = wheel()
    at = data.rindex(b"PK\x05\x06")
    file = site.build((name, data[: at + 8] + b"\x09\0\x09\0" + data[at + 12 :]))
    assert codes(site, file) == ["reject", "zip-malformed"]


def test_a_file_that_takes_too_much_memory_is_a_reject_of_its_own(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at within the daemon's limits: an inspector dies of it, and the other files get their verdicts."""
    monkeypatch.setattr("eggwatch.inspection.worker.CODE", GREEDY)
    files = [place.build(sdist(version=f"{number}.0")) for number in range(3)]
    greedy = place.build(("greedy-1.0.tar.gz", sdist("greedy")[1]))
    found = list(checking.inspected([*files, greedy, files[0]]))
    assert [[flaw.code for flaw in one.flaws] for one in found] == [[], [], [], ["inspection-limit"], []]


GREEDY = """
from eggwatch.archives import inspecting
from eggwatch.inspection import inspector
inspect = inspecting.inspect
def greedily(file, filename, **more):
    hoard = bytearray(4 << 30) if filename.startswith("greedy") else b""
    return inspect(file, filename, **more)
inspecting.inspect = greedily
inspector.serve(niceness=int(sys.argv[1]), readme=bool(sys.argv[2]))
"""
"""An inspector that asks for more memory than it may have, for some files."""


def test_a_trouble_of_an_inspector_is_a_reject_that_says_so(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours, told with its traceback."""
    monkeypatch.setattr("eggwatch.inspection.worker.CODE", GREEDY.replace("bytearray(4 << 30)", "1 / 0"))
    (found,) = checking.inspected([place.build(("greedy-1.0.tar.gz", sdist("greedy")[1]))])
    (flaw,) = found.flaws
    assert flaw.code == "eggwatch-error" and "ZeroDivisionError" in flaw.message


def test_a_link_to_an_archive_is_followed(place: Site) -> None:
    """The name that counts is the link's."""
    link = place.base / "demo-1.0.tar.gz"
    link.symlink_to(place.build(sdist()))
    assert codes(place, link) == ["admit"]


@pytest.mark.parametrize("count", [1, 12])
def test_where_there_is_no_linux_files_are_judged_too(place: Site, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A few in this process, many by helpers, without a limit on memory."""
    monkeypatch.setattr(checking, "LIMITED", False)
    files = [place.build(sdist(version=f"{number}.0")) for number in range(count)]
    assert [one.flaws for one in checking.inspected(files)] == [()] * count
