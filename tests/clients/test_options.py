"""What pip, uv and pipx can do beside installing: hashes, lock files, lists of versions, cut-off dates, caches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.clients.conftest import Bench
from tests.clients.installers import CLIENTS
from tests.clients.servers import KINDS, Server
from tests.clients.tree import VERSIONS
from tests.http_asking import ask
from tests.installers import clean_environment

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]
BEFORE, AFTER = "2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z"
"""Before and after the upload-time of all that is published."""
Done = subprocess.CompletedProcess[str]


def run(home: Path, *words: str | Path, **environment: str) -> Done:
    env = {**clean_environment(home), **environment}
    return subprocess.run(words, env=env, cwd=home, capture_output=True, text=True, timeout=120, check=False)


def pip(bench: Bench, home: Path, *words: str) -> Done:
    packages = bench.programs(CLIENTS["pip 26.3"]) / "packages"
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input", *words]
    return run(home, *command, PYTHONPATH=str(packages))


def uv(bench: Bench, home: Path, *words: str) -> Done:
    program = bench.programs(CLIENTS["uv pip"]) / "bin/uv"
    return run(home, program, "--no-config", "--cache-dir", "cache", *words)


@pytest.fixture
def nginx(bench: Bench) -> Server:
    return bench.servers["nginx"]


@pytest.fixture
def apache(bench: Bench) -> Server:
    return bench.servers["apache"]


def sha256(server: Server, project: str) -> str:
    page = json.loads(ask(server.url, f"/simple/{project}/index.v1_json").body)
    return str(page["files"][-1]["hashes"]["sha256"])


def test_pip_installs_by_hash_and_no_other_bytes(bench: Bench, nginx: Server, tmp_path: Path) -> None:
    right = sha256(nginx, "case-unicode")
    for digest, code in ((right, 0), ("0" * 64, 1)):
        (tmp_path / "requirements.txt").write_text(f"case-unicode==1.0 --hash=sha256:{digest}\n")
        words = ("--no-cache-dir", "download", "--require-hashes", "--index-url", nginx.index, "-r", "requirements.txt")
        done = pip(bench, tmp_path, *words)
        assert done.returncode == code, done.stderr
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_pip_lists_all_versions(bench: Bench, apache: Server, tmp_path: Path) -> None:
    done = pip(bench, tmp_path, "index", "versions", "--index-url", apache.index, "case-versions")
    assert done.stdout.startswith(f"case-versions (1.{VERSIONS - 1})"), done.stderr
    assert done.stdout.partition("versions: ")[2].count(",") == VERSIONS - 1


def test_pip_locks_with_the_hash_and_the_size_of_the_file(bench: Bench, nginx: Server, tmp_path: Path) -> None:
    done = pip(bench, tmp_path, "lock", "-q", "-o", "pylock.toml", "--index-url", nginx.index, "case-epoch")
    assert done.returncode == 0, done.stderr
    assert sha256(nginx, "case-epoch") in (tmp_path / "pylock.toml").read_text()


@pytest.mark.parametrize(("moment", "is_found"), [(BEFORE, False), (AFTER, True)])
def test_pip_and_uv_take_what_was_uploaded_before_a_moment(
    bench: Bench, apache: Server, tmp_path: Path, moment: str, is_found: bool
) -> None:
    by_pip = pip(bench, tmp_path, "download", f"--uploaded-prior-to={moment}", "-i", apache.index, "case-epoch")
    assert (by_pip.returncode == 0) == is_found, by_pip.stderr
    where = ("--python", sys.executable, "--target", "target", "--default-index", apache.index)
    by_uv = uv(bench, tmp_path, "pip", "install", "--exclude-newer", moment, *where, "case-epoch")
    assert (by_uv.returncode == 0) == is_found, by_uv.stderr


@pytest.mark.parametrize("kind", ["nginx", *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS[1:])])
def test_what_a_client_has_kept_costs_a_304_and_nothing_else(bench: Bench, kind: str, tmp_path: Path) -> None:
    """uv always asks; pip keeps pages only of hosts that it trusts, and those of HTTPS."""
    server = bench.servers[kind]
    projects = ("case-files", "case-unicode")
    by_uv = ("pip", "install", "--reinstall", "--python", sys.executable, "--target", "target", "--default-index")
    by_pip = ("download", "--cache-dir", "pip", "--trusted-host", "127.0.0.1", "--no-deps", "--index-url")
    for _ in range(2):
        begun = server.mark()
        assert uv(bench, tmp_path, *by_uv, server.index, *projects).returncode == 0
        again = server.requests(begun)
    assert Counter(again) == {(f"/simple/{project}/", 304): 1 for project in projects}
    for _ in range(2):
        begun = server.mark()
        assert pip(bench, tmp_path, *by_pip, server.index, *projects).returncode == 0
        again = server.requests(begun)
    assert Counter(again) == {(f"/simple/{project}/", 304): 1 for project in projects}


@pytest.mark.long
def test_pipx_installs_a_program(bench: Bench, nginx: Server, tmp_path: Path) -> None:
    """With uv: with pip it first installs a newer pip from the same index."""
    program = bench.environment("pipx==1.18.4") / "bin/pipx"
    folders = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin"), "USE_EMOJI": "0"}
    path = f"{bench.programs(CLIENTS['uv pip']) / 'bin'}:{os.environ['PATH']}"
    words = ("install", "--backend", "uv", "--index-url", nginx.index, "case-unicode")
    done = run(tmp_path, program, *words, PATH=path, UV_CACHE_DIR="cache", **folders)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "case_unicode-1.0" in run(tmp_path, tmp_path / "bin/case_unicode").stdout
