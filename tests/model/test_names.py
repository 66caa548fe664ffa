"""Filenames, taken apart once; names, as people are shown them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.archives.filename_rules import spelling_flaws
from eggwatch.model.names import Filename, Kind, only_for, parse_filename, project_name, shown, stored_name
from eggwatch.model.verdicts import Flaw, Level


def parsed(text: str) -> Filename:
    """A filename that must be good."""
    filename = parse_filename(text)
    assert isinstance(filename, Filename), filename
    return filename


def code(text: str) -> str:
    """The code of a filename that must be bad."""
    flaw = parse_filename(text)
    assert isinstance(flaw, Flaw), flaw
    assert flaw.level is Level.REFUSE and flaw.message.strip()
    return flaw.code


@pytest.mark.parametrize(
    ("text", "project", "version", "kind"),
    [
        ("demo-1.0-py3-none-any.whl", "demo", "1.0", Kind.WHEEL),
        ("Demo_Pkg-1.0.post1-py3-none-any.whl", "demo-pkg", "1.0.post1", Kind.WHEEL),
        ("demo-1!2.0+local.7-1abc-cp311-cp311-manylinux_2_17_x86_64.whl", "demo", "1!2.0+local.7", Kind.WHEEL),
        ("demo-1.0.tar.gz", "demo", "1.0", Kind.SDIST),
        ("demo-pkg-1.0rc1.tar.gz", "demo-pkg", "1.0rc1", Kind.SDIST),
        ("zope.interface-5.0.tar.gz", "zope-interface", "5.0", Kind.SDIST),
        ("a-1.tar.gz", "a", "1", Kind.SDIST),
    ],
)
def test_good_names_are_taken_apart(text: str, project: str, version: str, kind: Kind) -> None:
    """Project (normalised), version and kind; the text stays as it was."""
    filename = parsed(text)
    assert (filename.project, str(filename.version), filename.kind, filename.text) == (project, version, kind, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("demo_pkg-1.0-py3-none-any.whl", "Demo.Pkg-1.0-py3-none-any.whl"),
        ("demo-1.0-py2.py3-none-any.whl", "demo-1.0-py3.py2-none-any.whl"),
        ("demo_pkg-1.0.tar.gz", "Demo-Pkg-1.0.tar.gz"),
        ("demo-1.0rc1.tar.gz", "demo-1.0.rc.1.tar.gz"),
        ("demo-1.0.tar.gz", "demo-v1.0.tar.gz"),
    ],
)
def test_spellings_of_one_name_are_equal_normalised(one: str, other: str) -> None:
    """Spelling, order of tags, and the version's form make no difference."""
    assert parsed(one).normalized == parsed(other).normalized


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"),
        ("demo-1.0.tar.gz", "demo-1.0.0.tar.gz"),
        ("demo-1.0-py3-none-any.whl", "demo-1.0-1-py3-none-any.whl"),
        ("demo-1.0-1-py3-none-any.whl", "demo-1.0-2-py3-none-any.whl"),
        ("demo-1.0-py3-none-any.whl", "demo-1.0-py2.py3-none-any.whl"),
        ("demo-1.0.tar.gz", "demo-1.0+x.tar.gz"),
    ],
)
def test_different_files_stay_different(one: str, other: str) -> None:
    """Kind, version as released, build number, tags and local version tell files apart."""
    assert parsed(one).normalized != parsed(other).normalized


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("demo (1).tar.gz", "filename-copy"),
        ("demo-1.0 (1).whl", "filename-copy"),
        ("demo-1.0-py3-none-any(2).whl", "filename-copy"),
        ("demo-1.0 - Copy.tar.gz", "filename-copy"),
        ("demo-1.0 copy 2.tar.gz", "filename-copy"),
        ("demo.tar.gz", "filename-invalid"),
        ("-1.0.tar.gz", "filename-invalid"),
        ("demo-.tar.gz", "filename-invalid"),
        ("demo-1.0.whl", "filename-invalid"),
        ("demo-x.y-py3-none-any.whl", "filename-invalid"),
        ("-1.0-py3-none-any.whl", "filename-invalid"),
        ("_-1.0-py3-none-any.whl", "filename-invalid"),
        ("..-1.0-py3-none-any.whl", "filename-invalid"),
        ("démo-1.0-py3-none-any.whl", "filename-invalid"),
        ("démo-1.0.tar.gz", "filename-invalid"),
        ("demo-1.0-py3-none-a ny.whl", "filename-invalid"),
        ("demo-1.0 .tar.gz", "filename-invalid"),
        ("demo-1.0-py3-none-any\x1b.whl", "filename-control-characters"),
        ("demo-1.0\n.tar.gz", "filename-control-characters"),
        ("demo-1.0-py3-none-a/b.whl", "filename-slash"),
        ("demo\\x-1.0.tar.gz", "filename-slash"),
        ("demo-1.0.zip", "filename-format"),
        ("demo", "filename-format"),
        ("", "filename-format"),
        ("d" * 193 + "-1.tar.gz", "filename-too-long"),
        ("é" * 96 + "-1.tar.gz", "filename-too-long"),
    ],
)
def test_bad_names_have_a_code_and_a_remedy(text: str, expected: str) -> None:
    """Each kind of bad name has its own code."""
    assert code(text) == expected


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\n", "\r", "\x7f", "\x85", "\u202e", "\udcff", "\ud800", "é", " ", '"', "<", "/"]
)
@pytest.mark.parametrize("pattern", ["de{}mo-1.0.tar.gz", "demo-1.0-py3-no{}ne-any.whl", "demo-1.{}0-py3-none-any.whl"])
def test_strange_characters_are_refused_wherever_they_stand(pattern: str, character: str) -> None:
    """Whatever gets onto a page, into a path or onto a terminal is made of plain characters."""
    assert code(pattern.format(character)).startswith("filename-")


def test_a_long_name_with_half_a_surrogate_pair_is_refused_too() -> None:
    """JSON may hold it: in an order it ended the index again and again, while its sender waited."""
    assert code("\ud800" * 100 + "-1.0.tar.gz") == "filename-too-long"


def test_a_name_of_200_bytes_is_the_longest() -> None:
    """200 bytes are fine, 201 are not."""
    assert isinstance(parse_filename("d" * 191 + "-1.tar.gz"), Filename)
    assert code("d" * 192 + "-1.tar.gz") == "filename-too-long"


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    """Whatever somebody calls a file, the answer is a value."""
    for suffix in ("", ".whl", ".tar.gz"):
        assert isinstance(parse_filename(text + suffix), Filename | Flaw)


@given(st.text())
def test_what_is_accepted_is_plain(text: str) -> None:
    """An accepted name is printable ASCII, and no path."""
    for name in (f"{text}-1.0.tar.gz", f"demo-1.0-py3-none-{text}.whl", f"demo-{text}.tar.gz"):
        filename = parse_filename(name)
        if isinstance(filename, Filename):
            assert filename.text.isascii() and filename.text.isprintable() and "/" not in filename.text
            assert filename.project == project_name(filename.project) != ""


def test_spelling_is_a_warning() -> None:
    """A name that an older tool wrote is told the current spelling, and published."""
    assert spelling_flaws(parsed("demo_pkg-1.0-py3-none-any.whl")) == ()
    (flaw,) = spelling_flaws(parsed("Demo.Pkg-1.0.tar.gz"))
    assert (flaw.code, flaw.level) == ("filename-not-normalized", Level.WARN)
    assert "demo_pkg-1.0.tar.gz" in flaw.message


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("demo-1.0.tar.gz", "demo-1.0.tar.gz"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\nb\tc", r"a\x0ab\x09c"),
        ("a\udcffb", r"a\xffb"),
        ("a\u202eb", r"a\xe2\x80\xaeb"),
        ("a\x85b", r"a\xc2\x85b"),
        ("grün", "grün"),
    ],
)
def test_names_are_shown_without_control_characters(name: str, seen: str) -> None:
    r"""Control characters, direction marks and bytes that are no UTF-8 become \xNN."""
    assert shown(name) == seen


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_is_shown_is_printable(name: str) -> None:
    """Nothing that reaches a terminal moves its cursor, surrogates included."""
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    assert shown(name).isprintable()


def test_long_names_are_stored_short_and_apart() -> None:
    """Over 200 bytes: the first 160 and 8 hex digits; two long names never share one."""
    short, long = "d" * 200, "d" * 240
    assert stored_name(short) == short
    assert len(stored_name(long).encode()) == 169
    assert stored_name(long) != stored_name(long + "x")
    assert stored_name(long).startswith("d" * 160 + "-")
    assert len(stored_name("é" * 120).encode("utf-8", "surrogateescape")) == 169
    assert len(stored_name("e" + "é" * 120).encode("utf-8", "surrogateescape")) == 169


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("demo-1.0-py3-none-any.WHL", "demo-1.0-py3-none-any.whl"),
        ("demo-1.0.TAR.GZ", "demo-1.0.tar.gz"),
        ("demo-1.0.Tar.gz", "demo-1.0.tar.gz"),
    ],
)
def test_a_suffix_in_capital_letters_is_to_be_renamed(name: str, right: str) -> None:
    """Building it again would be no help: some file manager or camera has written it so."""
    flaw = parse_filename(name)
    assert isinstance(flaw, Flaw) and flaw.message.endswith(f"Rename it to {right}.")
    assert "build" not in flaw.message.lower()


@pytest.mark.parametrize(
    ("filename", "only"),
    [
        ("demo-1.0.tar.gz", None),
        ("demo-1.0-py3-none-any.whl", None),
        ("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", None),
        ("demo-1.0-cp311-cp311-linux_x86_64.whl", None),
        ("demo-1.0-cp311-cp311-win_amd64.whl", "win_amd64"),
        ("demo-1.0-cp311-cp311-macosx_11_0_arm64.macosx_12_0_arm64.whl", "macosx_11_0_arm64, macosx_12_0_arm64"),
    ],
)
def test_a_wheel_that_no_usual_server_can_install_is_said_to_be_for_its_platforms(
    filename: str, only: str | None
) -> None:
    said = only_for(filename)
    assert said == (only and f"It is for {only} only; pip and uv on other systems do not find it.")
