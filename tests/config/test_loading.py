"""eggwatch.toml → Config: every wrong key and value at once, with its line; and the folders of an index."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.config.loading import load
from eggwatch.config.settings import SETTINGS
from eggwatch.errors import ConfigurationError
from eggwatch.policy.retention import Keeping
from tests.config.configurations import FOLDERS, problems, written


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
intake = "mirror"
removed-after = "1m"
"""
    index = load(written(tmp_path, text)).indexes["main"]
    assert (index.patience.unfinished_after, index.patience.quiet, index.patience.linger) == (7200, 3, 5)
    assert (index.scan, index.grace, index.min_free) == (60, 86400, 1 << 30)
    assert index.keep_rejected == Keeping(age=7_776_000, size=1 << 31)
    assert (index.formats, index.mode, index.group) == (("sdist",), 0o640, "packages")
    assert (index.contact, index.index_url) == ("packages@example.com", "https://packages.example.com/pypi/simple/")
    assert (index.is_mirror, index.removed_after) == (True, 60)
    assert index.metrics == tmp_path / "metrics" / "eggwatch.prom"


def test_a_mirror_takes_no_uploads_over_http(tmp_path: Path) -> None:
    """Whoever manages the folder would delete them."""
    said = problems(tmp_path, f'[index.main]\n{FOLDERS}intake = "mirror"\nuploads = {{ anonymous = true }}\n')
    assert "[index.main] uploads: is not for a mirror" in said
    assert 'neither "drop" nor "mirror"' in problems(tmp_path, f'[index.main]\n{FOLDERS}intake = "folder"\n')


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
        "scan: 30 is not a time", "linger: 'soon' is not a time", "min-free: 'lots' is not a size", "'egg'",
        "mode: '0999'",
        "url:", "contact:", "first-uploader-owns",
        "keep-rejected: 'for ever' is not a limit", "did you mean keep-rejected?",
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
        "[index.main] scan: 30 is not a time": "line 5",
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
        f"line 6: [index.two] public ({folder}/drop/below) and [index.main] drop ({folder}/drop) must not share a "
        "folder or contain one another",
        f"line 7: [index.two] state ({folder}/other) and [index.two] drop ({folder}/other) must not share a folder or "
        "contain one another",
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
    assert "[index.main]: is not a table" in problems(tmp_path, "[index]\nmain = 3\n")


@pytest.mark.parametrize(
    "data",
    [
        b"[index.main",
        b"\xff\xfe",
        b'[index.main]\ndrop = "a"\ndrop = "b"\n',
        b"[index.main]\nscan = " + b"9" * 5000,
        b"[index.main]\nscan = " + b"[" * 5000,
    ],
)
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
    assert "must not share a folder or contain one another" in said


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
