"""Filenames of older formats, taken apart."""

from __future__ import annotations

import pytest

from eggwatch.model.older_names import ArchiveName, parse_archive_name
from eggwatch.model.verdicts import Flaw


@pytest.mark.parametrize(
    ("text", "project", "version"),
    [
        ("demo-1.0-py2.7.egg", "demo", "1.0"),
        ("My_Demo-1.0_rc1-py2.7-linux-x86_64.egg", "my-demo", "1.0rc1"),
        ("demo-1.0.egg", "demo", "1.0"),
        ("zope.interface-3.8.0.zip", "zope-interface", "3.8.0"),
        ("my-demo-1.0-beta.tgz", "my-demo", "1.0b0"),
        ("demo-1.0.tar.bz2", "demo", "1.0"),
        ("demo-1.0-py3-none-any.whl", "demo", "1.0"),
        ("Demo-1.0.tar.gz", "demo", "1.0"),
    ],
)
def test_an_archive_of_any_format_names_its_project_and_version(text: str, project: str, version: str) -> None:
    """Tools of all times are understood."""
    found = parse_archive_name(text)
    assert isinstance(found, ArchiveName) and (found.project, str(found.version)) == (project, version)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("holiday.zip", "filename-invalid"),
        ("demo-latest.zip", "filename-invalid"),
        ("demo-1.0 (1).zip", "filename-invalid"),
        ("-1.0.tgz", "filename-invalid"),
        ("demo-1.0.linux-x86_64.zip", "filename-invalid"),
        ("demo-1.0.rpm", "filename-format"),
        ("demo-1.0.tar.gz.zip", "filename-copy"),
        (f"{'d' * 200}-1.0.zip", "filename-too-long"),
    ],
)
def test_a_name_without_project_or_version_is_a_flaw(text: str, code: str) -> None:
    """It says so, and nothing is guessed."""
    found = parse_archive_name(text)
    assert isinstance(found, Flaw) and found.code == code


def test_two_spellings_of_one_archive_have_one_key() -> None:
    """As for wheels and sdists; another suffix or Python is another file."""
    keys = [parse_archive_name(text) for text in ("My.Demo-1.0.zip", "my_demo-1.0.ZIP", "my-demo-1.0.tgz")]
    one, same, other = (key.key for key in keys if isinstance(key, ArchiveName))
    assert one == same != other
