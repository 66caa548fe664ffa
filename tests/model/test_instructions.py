"""The lines that people copy: each carries what its address needs."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from eggwatch.model.instructions import (
    account_word,
    pip_install,
    poetry_add,
    shell_word,
    trusted_host,
    upload,
    upload_address,
    uv_install,
)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://files.example.com/simple/", None),
        ("HTTPS://files.example.com/simple/", None),
        ("http://localhost:8080/simple/", None),
        ("http://LocalHost/simple/", None),
        ("http://127.0.0.1:8080/simple/", None),
        ("http://127.8.8.8/simple/", None),
        ("http://[::1]:8080/simple/", None),
        ("http://files.example.com/simple/", "files.example.com"),
        ("http://files.example.com:8080/team/simple/", "files.example.com"),
        ("http://alice:secret@files.example.com/simple/", "files.example.com"),
        ("http://10.0.0.7/simple/", "10.0.0.7"),
        ("http://[fd00::7]:8080/simple/", "fd00::7"),
        ("http://127.1/simple/", "127.1"),
        ("http://localhost./simple/", "localhost."),
        ("http://[::ffff:127.0.0.1]/simple/", "::ffff:127.0.0.1"),
        ("http://HOST/simple/", "HOST"),
    ],
)
def test_pip_is_told_to_trust_a_host_over_plain_http_unless_it_does_anyway(url: str, host: str | None) -> None:
    assert trusted_host(url) == host
    trust = [] if host is None else ["--trusted-host", host]
    assert shlex.split(pip_install(url, "demo==1.0")) == ["pip", "install", "-i", url, *trust, "demo==1.0"]


def test_poetry_remembers_the_index_in_place_of_pypi() -> None:
    source, add = poetry_add("https://h/x&y/simple/", "demo").splitlines()
    assert source == "poetry source add --priority primary packages 'https://h/x&y/simple/'"
    assert add == "poetry add demo"


@pytest.mark.parametrize("requirement", ["demo==1!2.0", "demo==1.0+local.1", "demo"])
def test_a_line_can_be_pasted_into_a_shell_whatever_the_version_and_the_url(requirement: str) -> None:
    """An epoch's exclamation mark would call up a shell's history, an ampersand end the command."""
    for line in (pip_install("https://h/x&y/simple/", requirement), uv_install("https://h/x&y/simple/", requirement)):
        assert shlex.split(line)[-1] == requirement
        assert "'https://h/x&y/simple/'" in line and ("!" not in line or f"'{requirement}'" in line)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("files.example.com:/drop/", "scp dist/* files.example.com:/drop/"),
        ("dora@files.example.com:", "scp dist/* dora@files.example.com:"),
        ("[fd00::7]:/srv/drop/", "scp dist/* '[fd00::7]:/srv/drop/'"),
        ("files.example.com:/srv/my drop/", "scp dist/* 'files.example.com:/srv/my drop/'"),
        ("rsync://files.example.com/drop/", "rsync dist/* rsync://files.example.com/drop/"),
        ("alice@files.example.com::drop/", "rsync dist/* alice@files.example.com::drop/"),
        ("/mnt/drop/", "cp dist/* /mnt/drop/"),
        ("~/mnt/my drop/", "cp dist/* ~/'mnt/my drop/'"),
        ("~/", "cp dist/* ~/"),
        ("/mnt/a:b/", "cp dist/* /mnt/a:b/"),
        (r"\\files.example.com\drop", r'copy dist\* "\\files.example.com\drop"'),
    ],
)
def test_each_upload_address_gets_the_command_that_understands_it(address: str, line: str) -> None:
    assert upload(address) == line


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (None, "HOST:/srv/drop/"),
        ("https://files.example.com:8443/pypi/", "files.example.com:/srv/drop/"),
        ("http://[fd00::7]/", "[fd00::7]:/srv/drop/"),
        ("http://127.0.0.1:8080/", "/srv/drop/"),
    ],
)
def test_the_upload_address_follows_from_url_and_drop_folder(url: str | None, address: str) -> None:
    assert upload_address(url, "/srv/drop") == address


@pytest.mark.parametrize(
    "path", ["demo.whl", "a b.whl", "-rf", "it's", "$HOME;x", "caf\u00e9", "a\nb", "\udce4.whl", "\t'\\\udcff"]
)
def test_a_path_can_be_pasted_into_a_shell_whatever_its_bytes(path: str) -> None:
    """Also one that begins like an option, and one with bytes that are no UTF-8."""
    assert shell_word(path).isprintable()
    printed = subprocess.run(["bash", "-c", f"printf %s {shell_word(path)}"], capture_output=True, check=True).stdout
    assert os.path.normpath(os.fsdecode(printed)) == path


def test_an_account_without_a_name_is_its_number() -> None:
    assert (account_word("alice"), account_word("uid:1007")) == ("alice", "1007")
