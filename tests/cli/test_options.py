"""Which index a command is about: the five options, the search for a configuration, and what is said without one."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.cli import COMMANDS
from tests.archive_factory import sdist
from tests.cli.program import Site

ARGUMENTS = {
    "publish": ["README"],
    "upload": ["README", "--to", "http://127.0.0.1:1/"],
    "check": ["README"],
    "wait": ["demo", "--timeout", "0"],
    "yank": ["demo"],
    "unyank": ["demo"],
    "remove": ["demo"],
    "unblock": ["demo"],
    "show": ["demo"],
    "render": ["pages"],
    "run": ["--once"],
    "config": ["check"],
    "import": ["."],
    "backup": ["kept"],
    "token": ["list"],
    "site": ["--preview"],
    "webserver": ["nginx"],
}
READING = ["list", "history", "status", "verify", "wait", "show"]
NEED_AN_INDEX = sorted(COMMANDS.keys() - {"run", "check", "upload", "collect", "index", "init", "explain", "setup"})
"""`setup` would set this machine up."""
NEED_ONE_INDEX = sorted(
    set(NEED_AN_INDEX) - {"status", "verify", "repair", "config", "doctor", "notify", "serve", "webserver"}
)


def words(command: str) -> list[str]:
    """A command with what it needs."""
    return [command, *ARGUMENTS.get(command, [])]


@pytest.fixture
def nowhere(tmp_path: Path) -> Site:
    """A folder without any index, but with a file."""
    site = Site(tmp_path / "nowhere", bare=True)
    (site.base / "README").write_text("hello")
    return site


@pytest.fixture
def two(tmp_path: Path) -> Site:
    """A configuration with two indexes, red and blue."""
    site = Site(tmp_path, bare=True)
    tables = []
    for name in ("red", "blue"):
        (tmp_path / name / "drop").mkdir(parents=True)
        folders = "".join(f'{key} = "{name}/{key}"\n' for key in ("drop", "public", "state"))
        tables.append(f'[index.{name}]\n{folders}linger = "0s"\nquiet = "0s"\n')
    site.write_config("\n".join(tables))
    (site.base / "README").write_text("hello")
    return site


@pytest.mark.parametrize("command", NEED_AN_INDEX)
def test_without_an_index_a_command_says_so(nowhere: Site, command: str) -> None:
    """No configuration and no ./drop ./public ./state: exit status 2, "no index here", and nothing is made."""
    done = nowhere.call(*words(command))
    assert (done.code, done.out) == (2, "")
    assert "No index here" in done.err and "eggwatch init" in done.err
    assert [path.name for path in nowhere.base.iterdir()] == ["README"]


@pytest.mark.parametrize("command", NEED_ONE_INDEX)
def test_with_several_indexes_a_command_wants_to_know_which(two: Site, command: str) -> None:
    """Several indexes and no --index: exit status 2 with their names."""
    done = two.call(*words(command))
    assert (done.code, done.out) == (2, "")
    assert "--index" in done.err and "red" in done.err and "blue" in done.err


def test_run_status_and_verify_mean_all_indexes(two: Site) -> None:
    """Without --index these three are about every index."""
    done = two.call("run", "--once", "--json")
    assert (done.code, [row["index"] for row in done.rows]) == (0, ["blue", "red"])
    assert [row["index"] for row in two.call("status", "--json").rows] == ["blue", "red"]
    assert [row["index"] for row in two.call("verify", "--json").rows] == ["blue", "red"]


def test_index_chooses_one_of_several(two: Site) -> None:
    """With --index a command is about that one, and its serials are its own."""
    for name in ("red", "blue"):
        (two.base / name / "drop" / "demo-1.0.tar.gz").write_bytes(sdist()[1])
    assert two.call("run", "--once", "--index", "red").code == 0
    assert two.call("--index", "red", "list").out.split()[0] == "demo"
    assert two.call("--index", "blue", "list").out == ""
    assert two.call("run", "--once").code == 0
    assert two.call("history", "--json", "--index", "blue").row["serial"] == 1


def test_an_unknown_index_is_named_with_those_there_are(two: Site) -> None:
    """--index with another name: exit status 2 and the names."""
    done = two.call("list", "--index", "green")
    assert done.code == 2
    assert "green" in done.err and "red" in done.err and "blue" in done.err


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("command", READING)
def test_config_is_taken_before_and_after_the_command(nowhere: Site, filled: Site, command: str, after: bool) -> None:
    """`eggwatch --config FILE COMMAND` and `eggwatch COMMAND --config FILE` are the same."""
    option = ["--config", str(filled.config)]
    done = nowhere.call(*words(command), *option) if after else nowhere.call(*option, *words(command))
    assert done.code == 0, done


def test_folders_are_taken_before_and_after_the_command(nowhere: Site, filled: Site) -> None:
    """--drop, --public and --state stand for a configuration, on either side of the command."""
    options = [f"--{key}={getattr(filled, key)}" for key in ("drop", "public", "state")]
    for position in range(4):
        done = nowhere.call(*options[:position], "list", *options[position:])
        assert (done.code, done.out.split()[::3]) == (0, ["demo", "other"]), done


def test_an_option_after_the_command_is_the_nearer_one(two: Site) -> None:
    """Given twice, the option after the command wins."""
    assert two.call("run", "--once").code == 0
    assert two.call("--index", "nonsense", "list", "--index", "red").code == 0


@pytest.mark.parametrize("some", [["--drop=d"], ["--public=p", "--state=s"], ["--drop=d", "--public=p"]])
def test_folders_go_together(nowhere: Site, some: list[str]) -> None:
    """One or two of the three folders are a usage error."""
    done = nowhere.call("list", *some)
    assert (done.code, "Use --drop, --public and --state together" in done.err) == (2, True)


def test_folders_and_a_configuration_exclude_each_other(filled: Site) -> None:
    """--config with the three folders is a usage error."""
    done = filled.call("--config", filled.config, "list", "--drop=d", "--public=p", "--state=s")
    assert done.code == 2


@pytest.mark.parametrize("command", [["list"], ["history"], ["yank", "demo"], ["rebuild"], ["publish", "README"]])
def test_mistyped_folders_are_no_index(nowhere: Site, command: list[str]) -> None:
    """Only `run` makes folders; the others say that there is no index, and which folder they miss."""
    (nowhere.base / "README").touch()
    done = nowhere.call(*command, "--drop=d", "--public=p", "--state=s")
    assert (done.code, "No index here" in done.err, f"no {nowhere.base}/p" in done.err) == (2, True, True), done
    assert sorted(path.name for path in nowhere.base.iterdir()) == ["README"]


def test_nested_folders_on_the_command_line_are_refused(nowhere: Site) -> None:
    """A drop folder inside the published tree is a configuration error, and nothing is made."""
    done = nowhere.call("run", "--once", "--drop=tree/drop", "--public=tree", "--state=state")
    assert (done.code, "contain one another" in done.err) == (2, True)
    assert not (nowhere.base / "tree").exists()


@pytest.mark.root
@pytest.mark.parametrize("outer", ["public", "."])
def test_folders_that_are_one_by_a_bind_mount_are_refused(filled: Site, outer: str) -> None:
    """Their paths differ: the daemon would take its own published files for uploads."""
    mounted = f"mount --bind {filled.base / outer} {filled.drop} && exec {shlex.quote(sys.executable)} -m eggwatch list"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted], cwd=filled.base, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "contain one another" in done.stderr) == (2, True), done


def test_the_environment_names_a_configuration(nowhere: Site, filled: Site) -> None:
    """$EGGWATCH_CONFIG comes before ./eggwatch.toml, and --config before both."""
    environment = {"EGGWATCH_CONFIG": str(filled.config)}
    nowhere.config.write_text("this is wrong")
    assert nowhere.call("list", env=environment).out.split()[::3] == ["demo", "other"]
    assert nowhere.call("list", "--config", nowhere.config, env=environment).code == 2
    assert nowhere.call("list").code == 2


def test_a_configuration_that_is_not_there_is_named(nowhere: Site) -> None:
    """--config with a missing file: exit status 2 and its name."""
    done = nowhere.call("list", "--config", "absent.toml")
    assert (done.code, "absent.toml" in done.err) == (2, True)


def test_a_wrong_configuration_names_everything_wrong(nowhere: Site) -> None:
    """All wrong keys and values at once, on standard error, with exit status 2."""
    nowhere.write_config('[index.main]\ndrop = 3\npublic = "p"\nstate = "s"\nlingre = "2s"\nscan = "often"\n')
    for command in NEED_AN_INDEX:
        done = nowhere.call(*words(command))
        assert (done.code, done.out) == (2, "")
        assert all(key in done.err for key in ("drop", "lingre", "scan", "did you mean linger"))


def test_run_without_a_configuration_makes_its_folders(tmp_path: Path) -> None:
    """`run` makes ./drop ./public ./state, and the other commands use them afterwards."""
    site = Site(tmp_path, bare=True)
    assert site.call("run", "--once").code == 0
    assert all((tmp_path / name).is_dir() for name in ("drop", "public", "state"))
    assert site.call("list").code == 0


def test_help_names_every_command(nowhere: Site) -> None:
    """`eggwatch --help` lists all commands, and each has help with an example."""
    text = nowhere.call("--help").out
    for command in COMMANDS:
        assert f"  {command} " in text
        done = nowhere.call(command, "--help")
        assert (done.code, "Example" in done.out) == (0, True), command


@pytest.mark.parametrize("wrong", [["frobnicate"], ["list", "--nonsense"], ["show"], ["show", "a", "b"]])
def test_wrong_usage_is_2(filled: Site, wrong: list[str]) -> None:
    """An unknown command or option, a missing or surplus argument: exit status 2, nothing on standard output."""
    done = filled.call(*wrong)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize(
    "command", [["wait", "demo"], ["yank", "demo"], ["remove", "demo"], ["publish", "eggwatch.toml"], ["run", "--once"]]
)
def test_a_wrong_timeout_is_2(filled: Site, command: list[str]) -> None:
    """--timeout with something that is not a time is a usage error, and nothing is done."""
    before = filled.events()
    done = filled.call(*command, "--timeout", "soon")
    assert (done.code, "--timeout" in done.err) == (2, True), done
    assert filled.events() == before
