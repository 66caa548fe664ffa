"""The samples as their first lines say, in a web server as Debian installs it, its default site included."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.contrib.web_servers import SAMPLES
from tests.published_tree import publish_sample

pytestmark = [pytest.mark.parts, pytest.mark.root]

FOLDERS = {
    "nginx": ["/etc/nginx", "/var/log/nginx", "/var/lib/nginx"],
    "apache": ["/etc/apache2", "/var/log/apache2", "/var/lib/apache2"],
}
DEFAULT_SITES = {
    "nginx": "/etc/nginx/sites-enabled/default",
    "apache": "/etc/apache2/sites-enabled/000-default.conf",
}
START = {
    # A signal that comes while its master process starts would wait for the next one.
    "nginx": "nginx\nuntil curl -s http://127.0.0.1 >/dev/null; do sleep 0.05; done",
    "apache": "mkdir -p /run/lock /run/apache2 && apachectl start",
}
ADDRESSES = [
    "http://127.0.0.1",
    "http://[::1]",
    "-H Host:pypi.example.com http://127.0.0.1",
    "-H Host:other http://[::1]",
]


def commands(name: str) -> str:
    """What the head of a sample tells the administrator to run."""
    head = (SAMPLES / name).read_text().split("\n# Replace with your own")[0]
    return "\n".join(re.findall(r"^#   (.*)$", head, re.MULTILINE))


@pytest.mark.parametrize(("kind", "name"), [("nginx", "nginx.conf"), ("apache", "apache.conf")])
def test_the_sample_answers_for_every_name_once_its_commands_were_run(tmp_path: Path, kind: str, name: str) -> None:
    """By each address and name, IPv4 and IPv6: the site that Debian enables is in nobody's way."""
    if not Path(DEFAULT_SITES[kind]).exists():
        pytest.skip("not installed, or not as Debian does it")
    publish_sample(tmp_path / "public")
    copies = "".join(
        f"mkdir -p {copy}; cp -a {folder}/. {copy}; mount --bind {copy} {folder}\n"
        for folder, copy in ((folder, f"{tmp_path}{folder}") for folder in FOLDERS[kind])
    )
    asks = "".join(
        f"for i in $(seq 100); do curl -s {address}/simple/foo-bar/ >{tmp_path}/page; "
        f"grep -q '^<!DOCTYPE html>' {tmp_path}/page && break; sleep 0.05; done; cat {tmp_path}/page\n"
        for address in ADDRESSES
    )
    script = (
        f"set -e\nip link set lo up\nmount -t tmpfs tmpfs /run\nmount -t tmpfs tmpfs /srv\nmkdir /srv/eggwatch\n"
        f"mount --bind {tmp_path}/public /srv/eggwatch\n{copies}cd {shlex.quote(str(SAMPLES))}\n{START[kind]}\n"
        f"{{ {commands(name)}\n}} >{tmp_path}/said 2>&1 || {{ cat {tmp_path}/said; exit 1; }}\n{asks}"
    )
    unshared = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run([*unshared, "sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    page = (tmp_path / "public/simple/foo-bar/index.html").read_text()
    assert (done.returncode, done.stdout) == (0, page * len(ADDRESSES)), done.stderr
