"""eggwatch.toml → Config: every wrong key and value at once, times and sizes, folders, the search for the file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from eggwatch.config import loading as configuration
from eggwatch.config.grammar import duration, size
from eggwatch.config.loading import find, from_folders, load
from eggwatch.config.settings import SETTINGS
from eggwatch.errors import ConfigurationError, NoIndexError
from eggwatch.policy.retention import Keeping

FOLDERS = 'drop = "drop"\npublic = "public"\nstate = "state"\n'


def written(folder: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = folder / "eggwatch.toml"
    path.write_text(text, "utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    """What is said against a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("30d", 2_592_000),
        ("250ms", 0.25),
        ("1.5h", 5400),
        ("2 s", 2),
    ],
)
def test_times(text: str, seconds: float) -> None:
    """One number and one unit: milliseconds, seconds, minutes, hours, days."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", 10, 1.5, None, True, "s", "-1s", "1h30m", "1 week", "1e3s", "10S", ["1s"], "1s\n"]
)
def test_what_is_no_time(text: object) -> None:
    """Anything else is told the grammar."""
    with pytest.raises(ValueError, match='write "90s", "10m", "1h" or "30d"'):
        duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0B", 0), ("512B", 512), ("1KiB", 1024), ("64MiB", 67_108_864), ("2GiB", 1 << 31), ("1TiB", 1 << 40)],
)
def test_sizes(text: str, number: int) -> None:
    """One number and one unit of 1024."""
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "64", 64, "64MB", "64M", "1.5GiB", "-1B", None, True, "MiB"])
def test_what_is_no_size(text: object) -> None:
    """Anything else, units of 1000 among it, is told the grammar."""
    with pytest.raises(ValueError, match='write "64MiB" or "2GiB"'):
        size(text)


@pytest.mark.parametrize(
    ("value", "keeping"),
    [
        ("forever", Keeping()),
        ("90d", Keeping(age=7_776_000)),
        ("2GiB", Keeping(size=1 << 31)),
        (["2GiB", "1h"], Keeping(age=3600, size=1 << 31)),
    ],
)
def test_how_long_something_is_kept(value: object, keeping: Keeping) -> None:
    """For ever, by age, by size of all together, or by both."""
    assert SETTINGS["keep-rejected"].read(value) == keeping


@pytest.mark.parametrize("value", ["", "never", 3, None, [], ["90d", "often"], ["forever"]])
def test_what_is_no_limit(value: object) -> None:
    """Anything else is told the grammar."""
    with pytest.raises(ValueError, match='write "forever", "90d", "2GiB"'):
        SETTINGS["keep-rejected"].read(value)


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    """Three folders are enough; everything else has the default that docs/contract.rst names."""
    index = load(written(tmp_path, f"[index.main]\n{FOLDERS}")).indexes["main"]
    assert (index.patience.unfinished_after, index.patience.quiet, index.patience.linger) == (3600, 2, 2)
    assert (index.scan, index.grace, index.min_free) == (30, 600, 64 << 20)
    assert (index.formats, index.mode, index.group) == (("wheel", "sdist"), 0o644, None)
    assert (index.contact, index.url, index.makes_folders) == (None, None, False)


def test_every_setting_is_taken(tmp_path: Path) -> None:
    """Each key reaches the value that it stands for."""
    text = f"""[index.main]
{FOLDERS}contact = "packages@example.com"
url = "https://packages.example.com/pypi"
unfinished-after = "2h"
quiet = "3s"
linger = "5s"
scan = "1m"
grace = "1d"
min-free = "1GiB"
formats = ["sdist", "sdist"]
mode = "0640"
group = "packages"
keep-rejected = ["90d", "2GiB"]
metrics = "metrics/eggwatch.prom"
"""
    index = load(written(tmp_path, text)).indexes["main"]
    assert (index.patience.unfinished_after, index.patience.quiet, index.patience.linger) == (7200, 3, 5)
    assert (index.scan, index.grace, index.min_free) == (60, 86400, 1 << 30)
    assert index.keep_rejected == Keeping(age=7_776_000, size=1 << 31)
    assert (index.formats, index.mode, index.group) == (("sdist",), 0o640, "packages")
    assert (index.contact, index.index_url) == ("packages@example.com", "https://packages.example.com/pypi/simple/")
    assert index.metrics == tmp_path / "metrics" / "eggwatch.prom"


@pytest.mark.parametrize("value", ["eggwatch.txt", "/var/lib/metrics", 9100, ""])
def test_what_is_no_textfile(value: object) -> None:
    """node_exporter reads files that end in .prom, and no others."""
    with pytest.raises(ValueError, match=r"\.prom|line of text"):
        SETTINGS["metrics"].read(value)


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    """Unknown keys with what may be meant, wrong values with the grammar, missing folders: all in one message."""
    text = """colour = "red"
[index.main]
drop = ""
state = "state"
qiuet = "2s"
scan = 30
linger = "soon"
min-free = "lots"
formats = ["wheel", "egg", "rpm"]
mode = "0999"
url = "packages.example.com"
contact = "two\\nlines"
first-uploader-owns = 3
keep-rejected = "for ever"
keep-rejekted = "30d"
[index."of course"]
drop = "a"
public = "b"
state = "c"
[index.third]
"""
    said = problems(tmp_path, text)
    for part in (
        "colour: unknown", "[index.main] drop: ''", "[index.main] public: is missing", "did you mean quiet?",
        "scan: 30 is no time", "linger: 'soon' is no time", "min-free: 'lots' is no size", "'egg'", "mode: '0999'",
        "url:", "contact:", "first-uploader-owns",
        "keep-rejected: 'for ever' is no limit", "did you mean keep-rejected?",
        "[index.of course]: the name",
        "[index.third] drop: is missing", "[index.third] state: is missing",
    ):  # fmt: skip
        assert part in said, (part, said)
    count = int(said.split("wrong in ")[1].split()[0])
    assert count == said.count("\n") >= 16


def test_everything_wrong_is_told_by_its_line(tmp_path: Path) -> None:
    """Also inside a value of several lines, a table of its own, and under a quoted name."""
    text = """# a comment
[index.main]
drop = "drop"
public = "public"   # [index.other]
scan = 30
formats = [
  "wheel",  # qiuet = 3
  "egg",
]
index = 3

  [ index . main . rules ]
zip-coment = "warn"
"zip-crc" = "maybe"
[index.'a b']
colour = '''
drop = "x"
'''
"""
    lines = {
        line.strip().partition(": ")[2]: line.strip().partition(": ")[0]
        for line in problems(tmp_path, text).splitlines()
    }
    told = {
        "[index.main] state: is missing": "line 2",
        "[index.main] scan: 30 is no time": "line 5",
        "[index.main] formats: ['wheel', 'egg']": "line 6",
        "[index.main] index: unknown": "line 10",
        "[index.main] rules.zip-coment: there is": "line 13",
        "[index.main] rules.zip-crc: 'maybe'": "line 14",
        "[index.a b]: the name": "line 15",
        "[index.a b] drop: is missing": "line 15",
        "[index.a b] colour: unknown": "line 16",
    }
    for said, line in told.items():
        assert [lines[whole] for whole in lines if whole.startswith(said)] == [line], (said, lines)
    numbers = [int(line.split()[1]) for line in lines.values() if line.startswith("line ")]
    assert numbers == sorted(numbers)


def test_a_misspelled_index_and_overlaps_have_their_lines(tmp_path: Path) -> None:
    """[indx.three] is told what may be meant; an overlap is told by the later folder, whatever else is wrong."""
    main = '[index.main]\ndrop = "drop"\npublic = "public"\n'
    two = '[index.two]\ndrop = "other"\npublic = "drop/below"\nstate = "other"\n'
    said = problems(tmp_path, f'{main}{two}[indx.three]\ndrop = "x"\n')
    lines = [line.strip() for line in said.splitlines()[1:]]
    folder = tmp_path.resolve()
    assert lines == [
        "line 1: [index.main] state: is missing",
        f"line 6: [index.two] public ({folder}/drop/below) and [index.main] drop ({folder}/drop) may not share a "
        "folder or lie in one another",
        f"line 7: [index.two] state ({folder}/other) and [index.two] drop ({folder}/other) may not share a folder or "
        "lie in one another",
        "line 8: indx: unknown; did you mean index?",
    ]


def test_one_problem_is_one_place(tmp_path: Path) -> None:
    """The singular is right."""
    assert "is wrong in 1 place:" in problems(tmp_path, f"[index.main]\n{FOLDERS}scan = 3\n")


@pytest.mark.parametrize("text", ["", "index = 3\n", "[index]\n", "index = []\n"])
def test_a_file_without_an_index_is_wrong(tmp_path: Path, text: str) -> None:
    """There must be at least one [index.NAME]."""
    assert "there is no [index.NAME]" in problems(tmp_path, text)


def test_an_index_that_is_no_table_is_wrong(tmp_path: Path) -> None:
    """`index.main = 3` is named."""
    assert "[index.main]: is no table" in problems(tmp_path, "[index]\nmain = 3\n")


@pytest.mark.parametrize("data", [b"[index.main", b"\xff\xfe", b'[index.main]\ndrop = "a"\ndrop = "b"\n'])
def test_what_is_not_toml_is_said(tmp_path: Path, data: bytes) -> None:
    """A file that can't be parsed is named with the parser's word."""
    path = tmp_path / "eggwatch.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"eggwatch\.toml is not TOML"):
        load(path)


def test_a_file_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    """A missing file and a folder in its place are errors of the configuration."""
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigurationError, match="can't be read"):
            load(path)


def test_relative_paths_start_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative folders are those beside the file, wherever the command is given; absolute ones stay."""
    (tmp_path / "etc").mkdir()
    path = written(tmp_path / "etc", '[index.main]\ndrop = "drop"\npublic = "../public"\nstate = "/var/lib/x"\n')
    monkeypatch.chdir(tmp_path)
    index = load(Path("etc/eggwatch.toml")).indexes["main"]
    assert index.drop == tmp_path / "etc" / "drop"
    assert index.public.resolve() == tmp_path / "public"
    assert index.state == Path("/var/lib/x")
    assert load(path).indexes["main"] == index


def test_a_linked_configuration_means_the_folders_beside_the_real_file(tmp_path: Path) -> None:
    """A symbolic link to a configuration means what the file itself means."""
    (tmp_path / "real").mkdir()
    path = written(tmp_path / "real", f"[index.main]\n{FOLDERS}")
    (tmp_path / "link.toml").symlink_to(path)
    assert load(tmp_path / "link.toml").indexes["main"].drop == tmp_path / "real" / "drop"


@pytest.mark.parametrize(
    ("drop", "public", "state"),
    [
        ("a", "a", "s"),
        ("a", "a/b", "s"),
        ("p/drop", "p", "s"),
        ("d", "p", "p/state"),
        ("d", "d/../d", "s"),
        ("d", "p", "d/x/../y"),
        (".", "p", "s"),
    ],
)
def test_nested_and_shared_folders_are_refused(tmp_path: Path, drop: str, public: str, state: str) -> None:
    """None of an index's folders is, or lies in, another one."""
    said = problems(tmp_path, f'[index.main]\ndrop = "{drop}"\npublic = "{public}"\nstate = "{state}"\n')
    assert "may not share a folder or lie in one another" in said


def test_folders_shared_through_a_link_are_refused(tmp_path: Path) -> None:
    """Links are followed before folders are compared."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    said = problems(tmp_path, '[index.main]\ndrop = "real"\npublic = "link/public"\nstate = "state"\n')
    assert "[index.main] drop" in said and "[index.main] public" in said


def test_folders_shared_between_indexes_are_refused(tmp_path: Path) -> None:
    """Two indexes share nothing, and each shared pair is named."""
    one = f"[index.one]\n{FOLDERS}"
    two = '[index.two]\ndrop = "drop"\npublic = "public/two"\nstate = "own"\n'
    said = problems(tmp_path, one + two)
    assert "wrong in 2 places" in said
    assert "[index.two] drop" in said and "[index.two] public" in said


@pytest.mark.parametrize("folders", [("drop", "dropped", "drop-state"), ("a/drop", "a/public", "a/state")])
def test_folders_beside_each_other_are_fine(tmp_path: Path, folders: tuple[str, str, str]) -> None:
    """Names that only begin alike, and folders with one parent, are no overlap."""
    text = "[index.main]\n" + "".join(
        f'{key} = "{path}"\n' for key, path in zip(("drop", "public", "state"), folders, strict=True)
    )
    assert load(written(tmp_path, text)).indexes["main"].drop == tmp_path / folders[0]


def test_several_indexes_are_kept_apart(tmp_path: Path) -> None:
    """Each index has its own folders and settings, in the order of their names."""
    tables = "".join(
        f'[index.{name}]\ndrop = "{name}/d"\npublic = "{name}/p"\nstate = "{name}/s"\nscan = "{seconds}s"\n'
        for name, seconds in (("red", 7), ("blue", 8), ("green.2", 9))
        if "." not in name
    )
    tables += '[index."green.2"]\ndrop = "g/d"\npublic = "g/p"\nstate = "g/s"\n'
    indexes = load(written(tmp_path, tables)).indexes
    assert {name: index.scan for name, index in indexes.items()} == {"blue": 8, "green.2": 30, "red": 7}
    assert list(indexes) == sorted(indexes)


@pytest.mark.parametrize("name", ["a/b", "..", "-x", " ", "ä", "a b", ""])
def test_an_index_name_is_part_of_a_url(tmp_path: Path, name: str) -> None:
    """Letters, digits, dot, underscore and hyphen, not first: an index is shown at /NAME/simple/."""
    assert "the name may have" in problems(tmp_path, f'[index."{name}"]\n{FOLDERS}')


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a system file that is not there yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(configuration, "SYSTEM_FILE", tmp_path / "etc.toml")
    return tmp_path


def test_the_search_order(search: Path) -> None:
    """--config, then $EGGWATCH_CONFIG, then ./eggwatch.toml, then /etc/eggwatch/eggwatch.toml."""
    files = {}
    for name in ("option.toml", "environment.toml", "here/eggwatch.toml", "etc.toml"):
        files[name] = search / name
        files[name].write_text(f"[index.main]\n{FOLDERS}")
    environment = {"EGGWATCH_CONFIG": str(files["environment.toml"])}

    def found(explicit: Path | None, variables: dict[str, str]) -> str | None:
        source = find(explicit, environment=variables, needed=()).source
        return None if source is None else source.name

    assert found(files["option.toml"], environment) == "option.toml"
    assert found(None, environment) == "environment.toml"
    assert found(None, {"EGGWATCH_CONFIG": ""}) == "eggwatch.toml"
    files["here/eggwatch.toml"].unlink()
    assert found(None, {}) == "etc.toml"
    files["etc.toml"].unlink()
    assert found(None, {}) is None


def test_without_a_configuration_only_run_makes_one(search: Path) -> None:
    """`run` uses ./drop ./public ./state; the others only if they are there, and never make one."""
    needed = ("public", "state")
    with pytest.raises(NoIndexError, match="eggwatch init"):
        find(None, environment={}, needed=needed)
    index = find(None, environment={}, needed=()).indexes["default"]
    assert (index.drop, index.makes_folders) == (search / "here" / "drop", True)
    (search / "here" / "public").mkdir()
    with pytest.raises(NoIndexError):
        find(None, environment={}, needed=needed)
    (search / "here" / "state").mkdir()
    assert find(None, environment={}, needed=needed).indexes["default"] == replace(index, makes_folders=False)


@contextmanager
def as_nobody() -> Iterator[None]:
    """With the rights of an account that owns nothing."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.root
def test_where_the_current_folder_is_closed_to_this_account_the_search_goes_on(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `sudo -u eggwatch` in root's own folder."""
    (search / "here" / "eggwatch.toml").write_text("this is not for you")
    (search / "here").chmod(0o700)
    monkeypatch.setattr(configuration, "SYSTEM_FILE", Path("/no/such/eggwatch.toml"))
    with as_nobody(), pytest.raises(NoIndexError):
        find(None, environment={}, needed=("public", "state"))
    with tempfile.NamedTemporaryFile("w") as system_file:
        os.fchmod(system_file.fileno(), 0o644)
        system_file.write(f"[index.main]\n{FOLDERS}")
        system_file.flush()
        monkeypatch.setattr(configuration, "SYSTEM_FILE", Path(system_file.name))
        with as_nobody():
            assert find(None, environment={}, needed=("public", "state")).source == Path(system_file.name)


@pytest.mark.root
def test_a_system_file_that_can_not_be_looked_for_is_named_with_the_reason(
    search: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (search / "closed").mkdir(mode=0o700)
    monkeypatch.setattr(configuration, "SYSTEM_FILE", search / "closed" / "eggwatch.toml")
    denied = r"closed/eggwatch\.toml can't be read: Permission denied"
    with as_nobody(), pytest.raises(ConfigurationError, match=denied):
        find(None, environment={}, needed=())


def test_where_the_current_folder_was_deleted_the_search_goes_on(search: Path) -> None:
    (search / "here").rmdir()
    with pytest.raises(NoIndexError):
        find(None, environment={}, needed=("public", "state"))
    with pytest.raises(ConfigurationError, match="The current folder has been deleted"):
        find(None, environment={}, needed=())
    (search / "etc.toml").write_text(f"[index.main]\n{FOLDERS}")
    assert find(None, environment={}, needed=("public", "state")).source == search / "etc.toml"


@pytest.mark.parametrize("wrong", [None, "not TOML", "[index.main]\nlike = 1\n"])
def test_what_is_wrong_with_a_configuration_is_said_with_its_absolute_path(search: Path, wrong: str | None) -> None:
    if wrong is not None:
        (search / "here" / "mine.toml").write_text(wrong)
    with pytest.raises(ConfigurationError, match=f"^{search}/here/mine.toml "):
        find(Path("mine.toml"), environment={}, needed=())


@pytest.mark.parametrize("needed", [(), ("public", "state")])
def test_a_named_configuration_that_is_missing_is_an_error(search: Path, needed: tuple[str, ...]) -> None:
    """Neither --config nor $EGGWATCH_CONFIG falls back to something else."""
    (search / "here" / "eggwatch.toml").write_text(f"[index.main]\n{FOLDERS}")
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        find(Path("absent.toml"), environment={}, needed=needed)
    with pytest.raises(ConfigurationError, match=r"absent\.toml"):
        find(None, environment={"EGGWATCH_CONFIG": "absent.toml"}, needed=needed)


def test_three_folders_make_a_configuration(tmp_path: Path) -> None:
    """Folders of the command line: made when missing, never nested."""
    index = from_folders(tmp_path / "d", tmp_path / "p", tmp_path / "s").indexes["default"]
    assert index.makes_folders
    with pytest.raises(ConfigurationError, match="lie in one another"):
        from_folders(tmp_path / "p" / "d", tmp_path / "p", tmp_path / "s")


def test_folders_that_are_needed_and_not_there_are_named(tmp_path: Path) -> None:
    """A mistyped path is no index, and nothing is made of it."""
    (tmp_path / "p").mkdir()
    with pytest.raises(NoIndexError, match=r"No index here: there is no .*/s\."):
        from_folders(tmp_path / "d", tmp_path / "p", tmp_path / "s", needed=("public", "state"))
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_our_own_server_is_the_url_of_indexes_that_say_none(tmp_path: Path) -> None:
    """One index is shown at /, several below their names, as `run --serve` shows them."""
    named = f'[index.red]\n{FOLDERS}\n[index.blue]\ndrop = "bd"\npublic = "bp"\nstate = "bs"\nurl = "https://h/"\n'
    path = tmp_path / "eggwatch.toml"
    path.write_text(named)
    served = load(path).served_at("http://127.0.0.1:8080/").indexes
    assert (served["red"].index_url, served["blue"].index_url) == (
        "http://127.0.0.1:8080/red/simple/",
        "https://h/simple/",
    )
    path.write_text(f"[index.red]\n{FOLDERS}")
    assert load(path).served_at("http://127.0.0.1:8080/").indexes["red"].index_url == "http://127.0.0.1:8080/simple/"


def test_what_people_type_to_upload_is_a_setting_or_follows_from_url_and_drop(tmp_path: Path) -> None:
    path = tmp_path / "eggwatch.toml"
    path.write_text(f'[index.main]\n{FOLDERS}url = "https://files.example.com/"\n')
    assert load(path).indexes["main"].upload_address == f"files.example.com:{tmp_path}/drop/"
    path.write_text(
        f'[index.main]\n{FOLDERS}url = "https://files.example.com/"\nupload-to = "files.example.com:/drop/"\n'
    )
    assert load(path).indexes["main"].upload_address == "files.example.com:/drop/"


@pytest.mark.parametrize("end", ["", "/", "/simple", "/simple/"])
def test_the_url_may_be_that_of_the_simple_index(tmp_path: Path, end: str) -> None:
    """As people know it from pip."""
    text = f'[index.main]\n{FOLDERS}url = "https://files.example.com/team{end}"\n'
    assert load(written(tmp_path, text)).indexes["main"].index_url == "https://files.example.com/team/simple/"


@pytest.mark.parametrize("url", ["http://", "http://:80/", "http://[::1/", "http://h:port/", "http://h:99999/", "h"])
def test_what_is_no_url_is_refused(tmp_path: Path, url: str) -> None:
    """Lines to copy would be made of it."""
    assert "is no URL" in problems(tmp_path, f'[index.main]\n{FOLDERS}url = "{url}"\n')


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://h/?x=1", "query"),
        ("http://h?x", "query"),
        ("http://h/#top", "fragment"),
        ("http://dora@h/", "account"),
        ("HTTPS://dora:secret@h/", "account"),
        ("http://h/%zz/", "two hexadecimal digits"),
        ("http://h/a%", "two hexadecimal digits"),
        ("http://h/../x/", "'..'"),
        ("http://h/a/%2E%2e", "'..'"),
    ],
)
def test_a_url_that_no_page_can_lie_below_is_refused_and_says_which_part(tmp_path: Path, url: str, what: str) -> None:
    assert what in problems(tmp_path, f'[index.main]\n{FOLDERS}url = "{url}"\n')


def test_the_scheme_of_a_url_may_be_in_capitals(tmp_path: Path) -> None:
    text = f'[index.main]\n{FOLDERS}url = "HTTP://h/%C3%A4"\n'
    assert load(written(tmp_path, text)).indexes["main"].url == "http://h/%C3%A4"


@pytest.mark.parametrize(
    "place",
    [r"C:\x", "C:/x", "http://h/up", "ftp://h/", "-oProxyCommand=x:y", "-o@h:", "drop", r"\\h", ":x", "rsync://"],
)
def test_a_place_that_no_program_copies_to_is_refused(tmp_path: Path, place: str) -> None:
    assert "is no place to copy to" in problems(tmp_path, f"[index.main]\n{FOLDERS}upload-to = '{place}'\n")


@pytest.mark.parametrize(
    "place",
    [
        "h:",
        "dora@h.example.com:/drop/",
        "[fd00::7]:/d",
        "h::drop",
        "rsync://h/drop/",
        r"\\h\drop",
        "/mnt/a:b/",
        "~/mnt/",
    ],
)
def test_every_documented_place_to_copy_to_is_taken(tmp_path: Path, place: str) -> None:
    text = f"[index.main]\n{FOLDERS}upload-to = '{place}'\n"
    assert load(written(tmp_path, text)).indexes["main"].upload_to == place
