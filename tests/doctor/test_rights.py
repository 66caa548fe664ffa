"""Who may do what: as the kernel decides it, by owner, groups, mode and POSIX ACL."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eggwatch.linux.access import ENTER, READ, WRITE, Account, acl_of, closed_on_the_way, decoded, may
from tests.uploaders.accounts import ALICE, BOB, CAROL, EGGWATCH, PACKAGES, Machine

ASK = """
import json, os, sys
print(json.dumps([[os.access(path, wanted) for wanted in range(8)] for path in json.load(sys.stdin)]))
"""
GROUPS = {ALICE: {ALICE, PACKAGES}, CAROL: {CAROL}, EGGWATCH: {EGGWATCH, PACKAGES}}
ENTRIES = ("u:alice:r-x", "u:eggwatch:---", "g:packages:rwx", "g:packages:-w-", "m::r-x", "d:u:eggwatch:rwx")


@pytest.mark.root
@pytest.mark.parts
def test_rights_are_what_the_kernel_says(machine: Machine) -> None:
    """Folders of three owners and two groups, with many modes and ACLs, asked of the kernel by each account."""
    paths = list(_folders(machine))
    assert len(paths) > 200
    for uid, gids in GROUPS.items():
        account = Account(name=str(uid), uid=uid, gids=frozenset(gids))
        command = [*machine.as_account(uid), sys.executable, "-c", ASK]
        asked = subprocess.run(command, input=json.dumps(paths), capture_output=True, text=True, check=True, timeout=60)
        for path, answers in zip(paths, json.loads(asked.stdout), strict=True):
            ours = [may(account, Path(path), wanted) for wanted in range(8)]
            assert ours == answers, (path, uid)


def _folders(machine: Machine) -> Iterator[str]:
    base = machine.base / "rights"
    base.mkdir()
    base.chmod(0o755)
    modes = (0o700, 0o750, 0o3770, 0o705, 0o027, 0o1777)
    acls = [(), *((entry,) for entry in ENTRIES), ENTRIES[:2], (ENTRIES[0], ENTRIES[4]), (ENTRIES[2], ENTRIES[4])]
    script = []
    for number, (mode, owner, group, acl) in enumerate(itertools.product(modes, (0, ALICE), (PACKAGES, BOB), acls)):
        folder = base / str(number)
        folder.mkdir()
        os.chown(folder, owner, group)
        folder.chmod(mode)
        if acl:
            script.append(f"setfacl -m {','.join(acl)} {folder}")
        yield str(folder)
    subprocess.run([*machine.enter, "sh", "-ec", "\n".join(script)], check=True, timeout=120)


def test_what_is_no_acl_is_an_error() -> None:
    """Bytes of another length or version are not guessed at."""
    for data in (b"", b"\2\0\0\0abc", b"\3\0\0\0", b"\2\0\0\0" + b"x" * 9):
        with pytest.raises(ValueError, match="no POSIX ACL"):
            decoded(data)
    assert decoded(b"\2\0\0\0") == ()


def test_a_folder_without_acl_has_none(tmp_path: Path) -> None:
    """No entries, for both kinds."""
    assert (acl_of(tmp_path), acl_of(tmp_path, "default")) == ((), ())


def test_the_first_closed_folder_of_a_way_is_named(tmp_path: Path) -> None:
    """The outermost one, which has to be opened first."""
    account = Account(name="somebody", uid=54321, gids=frozenset())
    deep = tmp_path / "outer" / "inner" / "drop"
    deep.mkdir(parents=True)
    root = Account(name="root", uid=0, gids=frozenset())
    assert closed_on_the_way(root, deep) is None
    (tmp_path / "outer").chmod(0o700)
    closed = closed_on_the_way(account, deep)
    assert closed is not None and deep.is_relative_to(closed)
    assert not may(account, closed, ENTER)
    (tmp_path / "outer").chmod(0o755)
    assert may(account, tmp_path / "outer", READ | ENTER) and not may(account, tmp_path / "outer", WRITE)
