"""The lines that people copy, made here for every place: how to install from an index, and how to upload to it."""

from __future__ import annotations

import functools
import ipaddress
import re
import shlex

SECURE = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
"""Addresses that pip asks over plain HTTP as well, beside `localhost` (SECURE_ORIGINS in its network/session.py)."""

_URL = re.compile(r"https?://(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)", re.IGNORECASE)

UNKNOWN_HOST = "HOST"
"""Placeholder for the machine's name while it is not known."""


def host_of(url: str) -> str:
    """The host of an http or https URL as it is written there, without port, account and brackets."""
    match = _URL.match(url)
    return match[1].strip("[]") if match else ""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself for everybody, by its name or address alone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return any(address in network for network in SECURE)


def trusted_host(index_url: str) -> str | None:
    """The host for pip's --trusted-host, without which pip ignores the index; None with HTTPS, and on this machine."""
    host = host_of(index_url)
    return None if index_url.lower().startswith("https:") or is_loopback(host) else host


def shell_word(path: str) -> str:
    r"""The path of a file as it can be pasted into a shell, as an argument of any command that takes options.

    Control characters and bytes that are no UTF-8 as `$'\x0a'`.
    """
    if path.startswith("-"):
        path = f"./{path}"
    if path.isprintable():
        return shlex.quote(path)
    raw = path.encode("utf-8", "surrogateescape")
    letters = (chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\\'" else f"\\x{byte:02x}" for byte in raw)
    return f"$'{''.join(letters)}'"


def account_word(name: str) -> str:
    """An account as setfacl, chown and install know it: by its name, or its bare number where it has none."""
    return name.removeprefix("uid:")


def pip_install(index_url: str, requirement: str) -> str:
    """`pip install …` from an index, for a shell."""
    return f"{_pip_from(index_url)} {shlex.quote(requirement)}"


@functools.lru_cache
def _pip_from(index_url: str) -> str:
    trusted = trusted_host(index_url)
    trust = () if trusted is None else ("--trusted-host", trusted)
    return shlex.join(["pip", "install", "-i", index_url, *trust])


def uv_install(index_url: str, requirement: str) -> str:
    """The same with uv, which asks no leave for plain HTTP."""
    return shlex.join(["uv", "pip", "install", "--default-index", index_url, requirement])


def poetry_add(index_url: str, requirement: str) -> str:
    """The same with poetry, in the folder of a project, which remembers the index; as of poetry 1.5."""
    source = shlex.join(["poetry", "source", "add", "--priority", "primary", "packages", index_url])
    return f"{source}\n{shlex.join(['poetry', 'add', requirement])}"


def upload(upload_to: str) -> str:
    """The command that copies what was built to an upload address.

    `[ACCOUNT@]HOST:FOLDER` is for scp, `rsync://…` and `HOST::MODULE` for rsync, `\\\\HOST\\SHARE` for Windows; a path
    is one of this machine, or mounted.
    """
    if upload_to.startswith("\\\\"):
        return rf'copy dist\* "{upload_to}"'
    host, colon, rest = re.sub(r"\[[^\]/]*\]", "", upload_to).partition(":")
    by_rsync = rest.startswith(":") or upload_to.startswith("rsync://")
    program = "cp" if not colon or "/" in host else "rsync" if by_rsync else "scp"
    home, rest = re.match(r"(~[\w.-]*/|)(.*)", upload_to).groups()  # type: ignore[union-attr]  # matches whatever it is
    return f"{program} dist/* {home}{shlex.quote(rest) if rest or not home else ''}"  # no shell looks up a quoted ~


def twine_upload(uploads_url: str) -> str:
    """The command that uploads what was built over HTTP, to the URL that takes it."""
    return f"{shlex.join(['twine', 'upload', '--repository-url', uploads_url])} dist/*"


def uv_publish(uploads_url: str) -> str:
    """The same with uv, which takes the files of dist/ by itself."""
    return shlex.join(["uv", "publish", "--publish-url", uploads_url])


def upload_address(url: str | None, drop: str) -> str:
    """Where to copy files to, made from the URL of the index and the drop folder; no host if it is this machine."""
    host = UNKNOWN_HOST if url is None else host_of(url)
    return f"{drop}/" if is_loopback(host) else f"[{host}]:{drop}/" if ":" in host else f"{host}:{drop}/"
