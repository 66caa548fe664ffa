"""A real journald for the length of a script, beside the machine's own (if there is one), and what was read from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contrib.booting import CLONE

SYSTEMD = Path("/usr/lib/python3/dist-packages/systemd")
JOURNALD = Path("/lib/systemd/systemd-journald")

SCRIPT = r"""
set -eu
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal "$BASE/catalog" "$BASE/database"
mkdir -p /usr/local/lib/systemd/catalog /var/lib/systemd/catalog
cp "$CLONE/contrib/systemd/eggwatch.catalog" "$BASE/catalog/"
mount --bind "$BASE/catalog" /usr/local/lib/systemd/catalog
mount --bind "$BASE/database" /var/lib/systemd/catalog
"$JOURNALD" & journald=$!
trap 'kill $journald' EXIT
for _ in $(seq 100); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.05; done
cd "$BASE"
"$PYTHON" "$RUNNER" "$PYTHON" -m eggwatch run --once || true
journalctl --flush --sync >/dev/null 2>&1 || true
journalctl --update-catalog
journalctl --no-pager -o json EGGWATCH_EVENT=admitted + EGGWATCH_EVENT=rejected >admitted-and-rejected
journalctl --no-pager -o json SYSLOG_IDENTIFIER=eggwatch >all
journalctl --no-pager -x EGGWATCH_EVENT=rejected >explained
"""
RUNNER = """
import os, sys
from systemd import journal
stream = journal.stream("eggwatch")
status = os.fstat(stream.fileno())
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
os.dup2(stream.fileno(), 2)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""As systemd starts a service: standard error is the journal's, and a variable says so."""


def run_under_journald(base: Path) -> None:
    """`eggwatch run --once` in a folder with drop/ and perhaps eggwatch.toml; the journal's words lie there afterwards.

    admitted-and-rejected and all are JSON lines, explained is what `journalctl -x` prints of refusals.
    """
    if not SYSTEMD.exists() or not JOURNALD.exists() or shutil.which("journalctl") is None:
        pytest.skip("journald or python3-systemd is not installed")
    (base / "lib").mkdir(exist_ok=True)
    if not (base / "lib" / "systemd").exists():
        (base / "lib" / "systemd").symlink_to(SYSTEMD)
    environment = {**os.environ, "PYTHONPATH": f"{base / 'lib'}:{CLONE}"}
    if subprocess.run([sys.executable, "-c", "import systemd.journal"], env=environment, check=False).returncode:
        pytest.skip("the distribution's python3-systemd does not fit this Python")
    (base / "runner.py").write_text(RUNNER)
    environment |= {"BASE": str(base), "CLONE": str(CLONE), "JOURNALD": str(JOURNALD)}
    environment |= {"PYTHON": sys.executable, "RUNNER": str(base / "runner.py")}
    done = subprocess.run(
        ["timeout", "60", "unshare", "-m", "--propagation", "private", "sh", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
