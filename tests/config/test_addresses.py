"""The URL of an index, and what people type to upload to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.config.loading import load
from tests.config.configurations import FOLDERS, problems, written


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
    assert "is not a URL" in problems(tmp_path, f'[index.main]\n{FOLDERS}url = "{url}"\n')


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
    for setting in ("url", "files-url"):
        assert what in problems(tmp_path, f'[index.main]\n{FOLDERS}{setting} = "{url}"\n')


def test_the_scheme_of_a_url_may_be_in_capitals(tmp_path: Path) -> None:
    text = f'[index.main]\n{FOLDERS}url = "HTTP://h/%C3%A4"\n'
    assert load(written(tmp_path, text)).indexes["main"].url == "http://h/%C3%A4"


@pytest.mark.parametrize(
    "place",
    [r"C:\x", "C:/x", "http://h/up", "ftp://h/", "-oProxyCommand=x:y", "-o@h:", "drop", r"\\h", ":x", "rsync://"],
)
def test_a_place_that_no_program_copies_to_is_refused(tmp_path: Path, place: str) -> None:
    assert "is not a place to copy to" in problems(tmp_path, f"[index.main]\n{FOLDERS}upload-to = '{place}'\n")


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
