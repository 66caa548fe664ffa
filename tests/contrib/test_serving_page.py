"""docs/webserver.rst, every command: web servers as Debian installs them and, where the prompt is $, without root."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from docs.reference import ROOT
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.closed_folders import opening
from tests.contrib.test_httpd_installed import FOLDERS
from tests.contrib.web_servers import folder_for
from tests.http_serving import served
from tests.installers import clean_environment, pip, pip_install, uv_install

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

SYSTEMCTL = """#!/bin/sh
case $2 in
nginx) exec nginx ;;
apache2) mkdir -p /run/lock /run/apache2 && exec apachectl start ;;
caddy) exec caddy start --adapter caddyfile --config /etc/caddy/Caddyfile >/dev/null 2>&1 ;;
esac
exit 1
"""
"""Starts a web server as its unit does."""
FOREGROUND = ("nginx -e", "apache2 -D", "caddy run", "python -m http.server")
Row = tuple[str, str, list[str]]


def sections() -> dict[str, list[Row]]:
    """The commands of each section: prompt, command, and the lines that it is shown to print."""
    parts = re.split(r"^(.+)\n-{3,}\n", (ROOT / "docs/webserver.rst").read_text("utf-8"), flags=re.MULTILINE)
    found: dict[str, list[Row]] = {}
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        for block in re.findall(r"^(?:    .+\n)+", text, re.MULTILINE):
            rows = found.setdefault(title, [])
            for prompt, line in re.findall(r"^    (files# |\$ |)(.+)$", block, re.MULTILINE):
                if prompt:
                    rows.append((prompt.strip(), line, []))
                elif block.lstrip().startswith(("files# ", "$ ")):
                    rows[-1][2].append(line)
    return found


SECTIONS = sections()


@pytest.fixture
def home() -> Iterator[Path]:
    """An account's folder; beside it an index with a project, and certificates."""
    with folder_for("page") as folder:
        home = folder / "home"
        home.mkdir()
        site = Site(folder / "site", url='"http://files.example.com/"')
        for archive in (wheel("foo-bar"), sdist("foo-bar", "0.9")):
            site.put(archive)
        assert site.run("run", "--once").code == 0
        site.write_config(site.config.read_text().replace('"public"', '"/srv/eggwatch"'))
        for name in ("files.pem", "files.key"):
            (home / name).touch()
        shutil.chown(home, "nobody", "nogroup")
        yield home


def script(rows: list[Row], home: Path) -> str:
    """What a shell runs in name spaces of its own: no command is seen or felt outside."""
    base, tools = home.parent, home.parent / "tools"
    tools.mkdir()
    (tools / "systemctl").write_text(SYSTEMCTL)
    (tools / "systemctl").chmod(0o755)
    (base / "hosts").write_text("127.0.0.1 files.example.com localhost\n")
    kept = [folder for folders in FOLDERS.values() for folder in folders] + ["/etc/caddy"]
    lines = [
        *opening(str(base / "over")),
        "ip link set lo up; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /srv; mkdir /srv/eggwatch",
        f"mount --bind {base}/site/public /srv/eggwatch; mount --bind {base}/hosts /etc/hosts",
        *(f"mkdir -p {base}{one}; cp -a {one}/. {base}{one}; mount --bind {base}{one} {one}" for one in kept),
        f"export EGGWATCH_CONFIG={base}/site/eggwatch.toml HOME={home}",
        f"export PATH={tools}:{Path(sys.executable).parent}:$PATH",
        f"cd {ROOT}",
        "set +e",
    ]
    for number, (prompt, command, _) in enumerate(rows):
        lines += [f"echo '@@{number}'", *_asked_for(command), _as_its_prompt(prompt, command, home), "echo @@=$?"]
    return "\n".join(lines)


def _asked_for(command: str) -> Iterator[str]:
    """Waits until the server that a command asks has started."""
    for url in re.findall(r"(?<= )http://(?:127|files)\S+", command):
        yield f"for i in $(seq 400); do curl -s -o /dev/null {url} && break; sleep 0.05; done"


def _as_its_prompt(prompt: str, command: str, home: Path) -> str:
    if prompt == "files#":
        return f"{{ {command}; }} 2>&1"
    account = "setpriv --reuid 65534 --regid 65534 --clear-groups"
    line = f"{account} sh -c {shlex.quote(f'cd {home}; {command}')}"
    return f"{line} >{home.parent}/server.log 2>&1 &" if command.startswith(FOREGROUND) else f"{line} 2>&1"


@pytest.mark.parametrize("title", SECTIONS)
def test_the_commands_of_a_section_do_what_is_shown(title: str, home: Path) -> None:
    rows = SECTIONS[title]
    (home.parent / "over").mkdir()
    unshared = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        [*unshared, "sh", "-ec", script(rows, home)],
        env=clean_environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = re.findall(r"^@@\d+\n(.*?)^@@=(\d+)$", done.stdout, re.MULTILINE | re.DOTALL)
    log = home.parent / "server.log"
    for (_, command, shown), (text, status) in zip(rows, said, strict=True):
        assert status == "0", (command, text, done.stderr, log.exists() and log.read_text())
        assert all(line in text for line in shown), (command, text)


class JsonRoot(SimpleHTTPRequestHandler):
    """A hosting that was told which type index.html below json/ has."""

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        is_json = "/json/" in str(path) and str(path).endswith("index.html")
        return "application/vnd.pypi.simple.v1+json" if is_json else super().guess_type(path)


def test_clients_get_json_and_its_times_from_the_second_root(home: Path, tmp_path: Path) -> None:
    """Made by the commands of the page; pip finds the time of an upload in JSON only, and uv in both."""
    shutil.copytree(home.parent / "site/public", home / "hosting", ignore=shutil.ignore_patterns(".eggwatch"))
    for _, command, _ in SECTIONS["A hosting without configuration"][-2:]:
        subprocess.run(["sh", "-ec", command], cwd=home, check=True)
    prior = "--uploaded-prior-to=2999-01-01"
    with served(home / "hosting", JsonRoot) as url:
        pip_install(tmp_path / "pip", f"{url}json/", prior, "foo-bar")
        by_html = pip(tmp_path, "download", "--no-deps", "--index-url", f"{url}simple/", prior, "foo-bar")
        uv_install(tmp_path / "json", f"{url}json/", "--exclude-newer=2999-01-01", "foo-bar")
        uv_install(tmp_path / "html", f"{url}simple/", "--exclude-newer=2999-01-01", "foo-bar")
    assert (by_html.returncode, "upload-time" in by_html.stdout + by_html.stderr) == (1, True), by_html.stderr


def test_every_command_of_the_page_has_a_section_here() -> None:
    """As many as there are lines with a prompt."""
    text = (ROOT / "docs/webserver.rst").read_text("utf-8")
    prompts = re.findall(r"^ +(?:files#|\$) ", text, re.MULTILINE)
    assert sum(map(len, SECTIONS.values())) == len(prompts) > 20
