"""The real pip and uv, kept from every index and configuration but the one that a test names."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

EASY_INSTALL = """
import sys
from setuptools import setup
setup(packages=[], py_modules=[], script_args=["-q", "easy_install"] + sys.argv[1:])
"""
"""What the script easy_install does, which the last setuptools with that command no longer have."""


def clean_environment(home: Path) -> dict[str, str]:
    """The environment without pip's, uv's and proxies' variables, and with a home of its own."""
    ours = ("PIP_", "UV_", "XDG_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    kept = {key: value for key, value in kept.items() if not key.lower().endswith("_proxy")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "HOME": str(home), "NO_PROXY": "127.0.0.1,::1,localhost"}


def pip(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pip ARGUMENTS`, without its cache and its check for a newer pip."""
    options = ("--isolated", "--no-cache-dir", "--disable-pip-version-check", "--no-input")
    return _run(home, sys.executable, "-m", "pip", *options, *arguments)


def uv(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`uv ARGUMENTS`, with a cache of its own, which knows this Python: to ask it takes uv longer than to install."""
    if not (home / "uv-cache").exists():
        shutil.copytree(_cache_that_knows_python(), home / "uv-cache")
    return _uv(home, *arguments)


@cache
def _cache_that_knows_python() -> Path:
    home = tempfile.mkdtemp(prefix="eggwatch-uv-")
    atexit.register(shutil.rmtree, home)
    done = _uv(Path(home), "pip", "list", "--python", sys.executable)
    assert done.returncode == 0, done.stderr
    return Path(home, "uv-cache")


def _uv(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("uv")
    return _run(home, str(program), "--no-config", "--cache-dir", str(home / "uv-cache"), *arguments)


def pip_install(home: Path, index: str, *what: str) -> Path:
    """Install with pip from `index` alone; the folder that it went into."""
    target = home / "pip-target"
    done = pip(home, "install", "--index-url", index, "--target", str(target), "--retries=0", *what)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def uv_install(home: Path, index: str, *what: str) -> Path:
    """Install with uv from `index` alone; the folder that it went into."""
    target = home / "uv-target"
    choice = ("--default-index", index, "--python", sys.executable)
    done = uv(home, "pip", "install", *choice, "--target", str(target), *what)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def _run(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        command, env=clean_environment(home), cwd=home, capture_output=True, text=True, timeout=120, check=False
    )
