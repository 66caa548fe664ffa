"""What uploaders are told to do so that the daemon can read what is theirs: commands that can be run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from eggwatch.store import granting
from eggwatch.store.durable import Place

NOBODY = 2001


@pytest.mark.parametrize("name", ["-x-1.0.whl", "it's (1).whl", "a\nb.whl"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_advice_can_be_run_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    """Whatever the file is called, and for a daemon whose account has no name."""
    path = tmp_path / name
    path.mkdir(mode=0o700) if kind == "folder" else path.touch(mode=0o600)
    folder = os.open(tmp_path, os.O_RDONLY)
    with monkeypatch.context() as patched:
        patched.setattr(granting.os, "geteuid", lambda: NOBODY)
        patched.setattr(granting.os, "getegid", lambda: NOBODY)
        patched.setattr(granting.os, "getgroups", list)
        advice = granting.advice(Place(folder, name), name)
    os.close(folder)
    if kind == "folder" and not shutil.which("setfacl"):
        assert advice.startswith(f"setfacl -m u:{NOBODY}:rwx ")
        return
    done = subprocess.run(["bash", "-c", advice], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 or "not supported" in done.stderr, (advice, done.stderr)
    if kind == "file":
        assert path.stat().st_mode & 0o777 == 0o644
