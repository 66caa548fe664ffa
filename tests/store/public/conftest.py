"""A drop folder with an upload, a spool and a pool."""

from __future__ import annotations

from pathlib import Path

import pytest

from eggwatch.store.drop.folder import Drop
from eggwatch.store.public.pool import Pool
from eggwatch.store.public.spool import Spool
from tests.store.public.claims import NAME


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    """A drop folder with one upload."""
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / NAME).write_bytes(b"hello" * 300_000)
    return Drop(tmp_path / "drop", ("wheel", "sdist"))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A prepared spool."""
    spool = Spool(tmp_path / "public")
    spool.prepare()
    return spool


@pytest.fixture
def pool(tmp_path: Path, spool: Spool) -> Pool:
    """A prepared pool beside it."""
    pool = Pool(tmp_path / "public")
    pool.prepare()
    return pool
