"""eggwatch init and config check: a configuration that works, and what is wrong with one."""

from __future__ import annotations

import functools
import operator
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from eggwatch.cli import cli
from eggwatch.config import news
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.loading import load
from eggwatch.config.settings import SETTINGS, sample
from tests.archive_factory import sdist
from tests.cli.conftest import BROKEN
from tests.cli.program import Site


def test_init_then_run_once_works(tmp_path: Path) -> None:
    """`init` writes a configuration that works as it is, makes the drop folder, and asks nothing."""
    site = Site(tmp_path, bare=True)
    done = site.call("init")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "drop").is_dir() and not (tmp_path / "public").exists()
    site.put(sdist())
    assert site.call("run", "--once").code == 0
    assert site.filenames("demo") == ["demo-1.0.tar.gz"]
    assert site.call("verify").code == 0


def test_init_writes_the_file_that_config_names(tmp_path: Path) -> None:
    """It wrote ./eggwatch.toml beside it. A drop folder that was there is not said to be made."""
    (tmp_path / "drop").mkdir()
    file = tmp_path / "etc" / "packages.toml"
    done = CliRunner().invoke(
        cli, ["--config", str(file), "--drop", str(tmp_path / "drop"), "init", "--url", "http://pypi.example.com/"]
    )
    assert (done.exit_code, file.is_file()) == (0, True), done.output
    assert f"Wrote {file}.\n" in done.output


def test_every_line_of_the_sample_is_a_setting(tmp_path: Path) -> None:
    """Uncommented, each setting of the sample is valid, and those that are no examples have the default's value."""
    site = Site(tmp_path, bare=True)
    site.call("init")
    text, _, tables = site.config.read_text().partition("# Who is notified")
    site.write_config(uncommented(f"{text}# {tables}"))
    assert len(load(site.config).indexes["main"].subscriptions) == len(news.TABLES) + 1, "a digest is one of its own"
    plain = load_text(site, text)
    for line in re.findall(r"(?m)^# [a-z-]+ = .+$", text):
        changed = load_text(site, text.replace(line, line.removeprefix("# ")))
        assert (changed == plain) == (SETTINGS[line.split()[1]].default is not None), line


@pytest.mark.parametrize("name", news.TABLES)
def test_the_defaults_of_news_are_those_of_the_program(name: str) -> None:
    """A table with only what it needs means the same as one that also says each default."""
    kind, table = name.partition(".")[0], news.TABLES[name]
    needed = next(f"{key} = {one.example}" for key, one in table.items() if one.example is not None)
    defaults = [f"{key} = {one.default}" for key, one in table.items() if one.default is not None]
    plain, whole = (tomllib.loads("\n".join([f"[{name}]", *lines])) for lines in ([needed], [needed, *defaults]))
    assert news.NEWS[kind].read(plain[kind]) == news.NEWS[kind].read(whole[kind])


def load_text(site: Site, text: str) -> IndexConfig:
    """The index of a configuration."""
    site.write_config(text)
    return load(site.config).indexes["main"]


def test_init_over_a_configuration_is_2(filled: Site) -> None:
    """A configuration that is there is never overwritten."""
    before = filled.config.read_text()
    done = filled.call("init")
    assert (done.code, "already exists" in done.err) == (2, True)
    assert filled.config.read_text() == before


def test_init_writes_where_it_is_told(tmp_path: Path) -> None:
    """--output names the file, and its folder is where the index lies."""
    site = Site(tmp_path, bare=True)
    assert site.call("init", "--output", "etc/packages.toml").code == 0
    assert (tmp_path / "etc" / "drop").is_dir()
    assert site.call("--config", "etc/packages.toml", "run", "--once").code == 0
    assert site.call("init", "--output", "etc/packages.toml/below/a/file.toml").code == 2


def test_init_writes_the_folders_that_were_named(tmp_path: Path) -> None:
    """The options that every command takes are meant by init, too; folders that are missing are made."""
    folders = [f"--{name}={tmp_path / 'deep' / name}" for name in ("drop", "public", "state")]
    done = CliRunner().invoke(cli, [*folders, "init", "--output", str(tmp_path / "etc" / "e.toml")])
    assert done.exit_code == 0, done.output
    config = load(tmp_path / "etc" / "e.toml").indexes["main"]
    assert (config.drop, config.public, config.state) == tuple(
        tmp_path / "deep" / n for n in ("drop", "public", "state")
    )
    assert config.drop.is_dir()


def test_init_writes_folders_with_any_characters_that_a_configuration_may_have(tmp_path: Path) -> None:
    """JSON writes some of them as two halves, which TOML does not know; bytes that are no UTF-8 are refused."""
    site = Site(tmp_path, bare=True)
    for name, code in (("\N{PACKAGE}\xe9", 0), ("\udcff", 2)):
        folders = [f"--{key}={tmp_path / f'{key}{name}'}" for key in ("drop", "public", "state")]
        assert site.call(*folders, "init", "--output", f"{code}.toml").code == code
        assert (tmp_path / f"{code}.toml").exists() == (code == 0)
    assert load(tmp_path / "0.toml").indexes["main"].drop == tmp_path / "drop\N{PACKAGE}\xe9"


def test_the_sample_names_every_setting() -> None:
    """What can be set can be found in the file that `init` writes."""
    main = tomllib.loads(uncommented(sample({})))["index"]["main"]
    assert set(main) == set(SETTINGS)
    assert main["mail"].keys() == news.MAIL.keys()
    for name, table in news.TABLES.items():
        keys = functools.reduce(operator.getitem, name.split("."), main)
        assert table.keys() - keys <= {"url-file", *news.COMMON}, "instead of url, and what the first table tells"


def uncommented(sample: str) -> str:
    """The sample with every setting in use."""
    return re.sub(r"^# (?=[a-z-]+ = |\[)", "", sample, flags=re.MULTILINE)


def test_a_good_configuration_is_good(site: Site) -> None:
    """0, with the names of its indexes."""
    done = site.call("config", "check")
    assert (done.code, done.out) == (0, "eggwatch.toml: good; 1 index: main\n")
    assert site.call("config", "check", "--json").row == {
        "schema": 1, "file": "eggwatch.toml", "valid": True, "problems": [], "lacking": [],
    }  # fmt: skip


def test_everything_wrong_is_told_with_its_line(site: Site) -> None:
    """2; for scripts as objects."""
    site.write_config('[index.main]\ndrop = "drop"\npublic = "public"\nstate = "state"\nqiuet = "2s"\nscan = 3\n')
    done = site.call("config", "check")
    assert done.code == 2
    assert "line 5: [index.main] qiuet: unknown; did you mean quiet?" in done.err
    assert "line 6: [index.main] scan: 3 is not a time" in done.err
    done = site.call("config", "check", "--json")
    assert (done.code, done.row["valid"]) == (2, False)
    assert [(problem["line"], problem["where"]) for problem in done.row["problems"]] == [
        (5, "[index.main] qiuet"),
        (6, "[index.main] scan"),
    ]


def test_what_this_machine_lacks_is_told(tmp_path: Path) -> None:
    """1: the file is good, and the daemon would complain all the same."""
    site = Site(
        tmp_path,
        group='"nobodies-group"',
        owners='{ "acme-*" = ["no-such-person", "@no-such-group", "root", "@root"] }',
        archived='["old"]',
    )
    site.drop.rmdir()
    done = site.call("config", "check")
    assert done.code == 1
    lines = done.out.splitlines()[1:]
    assert [re.sub(r"there is no folder .*/drop", "there is no folder DROP", line.strip()) for line in lines] == [
        "[index.main] drop: there is no folder DROP; make it, or mount it",
        "[index.main]: this machine has no group 'no-such-group'",
        "[index.main]: this machine has no group 'nobodies-group'",
        "[index.main] owners: this machine has no account 'no-such-person'",
    ]
    assert len(site.call("config", "check", "--json").row["lacking"]) == 4


def test_a_template_that_is_none_is_told(tmp_path: Path) -> None:
    """Before the daemon meets it at its next start, and does without."""
    (own := tmp_path / "own").mkdir()
    (own / "front.html").write_text("\n{% if %}")
    site = Site(tmp_path)
    site.write_config(f"{site.config.read_text()}\n[index.main.site]\ntemplates = '{own}'\n")
    done = site.call("config", "check")
    assert done.code == 1 and "[index.main] site: front.html, line 2" in done.out


def test_users_of_the_upload_door_are_no_lack_and_lines_by_which_nobody_can_log_in_are(tmp_path: Path) -> None:
    """The hash itself is not shown."""
    from passlib.hash import bcrypt

    site = Site(tmp_path, owners='{ "acme-*" = ["carol"] }', uploads='{ users = "htpasswd" }')
    assert "htpasswd -BC 12 -c" in site.call("config", "check").out
    users = tmp_path / "htpasswd"
    users.write_text(f"carol:{bcrypt.using(rounds=4).hash('secret')}\n")
    assert site.call("config", "check").code == 0
    users.write_text("carol:$apr1$abcdefgh$1234567890123456789012\n")
    done = site.call("config", "check")
    assert (done.code, "line 1: carol: a hash of kind MD5" in done.out, "$apr1$" in done.out) == (1, True, False)


def test_who_could_make_the_folder_of_another_is_told(tmp_path: Path) -> None:
    """identity = "folder" over a DROP that a group may write to: 1; closed to others, or by owner: 0."""
    site = Site(tmp_path, identity='"folder"')
    for mode, code in ((0o3770, 1), (0o1777, 1), (0o755, 0)):
        site.drop.chmod(mode)
        done = site.call("config", "check")
        assert (done.code, "may write to" in done.out) == (code, bool(code))
    site.drop.chmod(0o3770)
    site.settings["identity"] = '"owner"'
    site.write_config()
    assert site.call("config", "check").code == 0


def test_refused_files_are_kept_as_long_as_is_said(tmp_path: Path) -> None:
    """`keep-rejected`: a round tells what lies there, and takes away what has had its time."""
    site = Site(tmp_path)
    site.put(BROKEN)
    assert site.call("run", "--once").code == 1
    assert (site.drop / "rejected" / BROKEN[0]).exists()
    site.settings["keep-rejected"] = '["0s", "2GiB"]'
    site.write_config()
    assert site.call("run", "--once").code == 0
    assert list((site.drop / "rejected").iterdir()) == []
    assert site.call("show", "broken").code == 1
    assert [row["event"] for row in site.call("history", "--json").rows] == ["rejected"]


def test_status_tells_what_is_kept(tmp_path: Path) -> None:
    """Files and bytes in rejected/ and receipts/."""
    site = Site(tmp_path)
    site.put(BROKEN)
    with site.daemon():
        site.call("run", "--once")
    with site.daemon():
        row = site.call("status", "--json").row
        assert row["leavings"]["rejected"]["files"] == 1
        assert row["leavings"]["rejected"]["bytes"] > len(BROKEN[1])
        assert row["leavings"]["receipts"]["files"] == 1
        assert "kept in rejected/: 1 file, " in site.call("status").out


def test_what_was_set_aside_is_shown_and_goes_after_its_time(tmp_path: Path) -> None:
    """`keep-aside` is for quarantine and damaged catalogs; a leftover under a hidden name is shown and stays."""
    site = Site(tmp_path)
    assert site.call("run", "--once").code == 0
    quarantine = site.public / ".eggwatch/quarantine"
    quarantine.mkdir(mode=0o700)
    (quarantine / "0123456789abcdef-demo-1.0.tar.gz").write_bytes(b"rotten")
    damaged = site.state / "catalog.sqlite3.damaged-1"
    damaged.write_bytes(b"no database")
    ledger = site.state / "ledger.jsonl.damaged-1"
    ledger.write_bytes(b"of an earlier rebuild, which may take it up again")
    unfinished = site.drop / "receipts/.eggwatch-new-0123456789abcdef"
    unfinished.write_bytes(b"half")
    assert site.call("run", "--once").code == 0
    kept = site.call("status", "--json").row["leavings"]
    assert (kept["quarantine"], kept["damaged"]) == ({"files": 1, "bytes": 6}, {"files": 1, "bytes": 11})
    assert not unfinished.exists()
    said = site.call("status").out
    assert "kept in quarantine (public/.eggwatch/quarantine/): 1 file, 6 bytes" in said
    assert "kept in state, as damaged catalogs (*.damaged-*): 1 file, 11 bytes" in said
    (tmp_path / "stock").mkdir()
    assert site.call("import", str(tmp_path / "stock")).code == 0
    assert site.call("status", "--json").row["leavings"] == kept, "a command that has not looked says nothing new"
    site.settings["keep-aside"] = '"0s"'
    site.write_config()
    assert site.call("run", "--once").code == 0
    assert not damaged.exists() and list(quarantine.iterdir()) == []
    assert ledger.exists()
    assert site.call("status", "--json").row["leavings"]["damaged"]["files"] == 0
