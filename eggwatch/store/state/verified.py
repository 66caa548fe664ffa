"""STATE/verified.json: when `verify` last looked, and how many findings there were. Nothing of the index is in it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from eggwatch.store import durable
from eggwatch.store.durable import Permissions

NAME = "verified.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """One run of `verify`, which ended `at` a moment (RFC 3339)."""

    at: str
    findings: int
    files: int
    pages: int


def keep(state: Path, verified: Verified, permissions: Permissions) -> None:
    """Leave it for `status` and metrics; where this account may not write, nothing is left."""
    with contextlib.suppress(OSError):
        durable.replace(state / NAME, json.dumps(asdict(verified)).encode() + b"\n", permissions)


def last(state: Path) -> Verified | None:
    """The last recorded run; None if there is none, or it can't be read."""
    try:
        data = json.loads((state / NAME).read_bytes())
        return Verified(at=str(data["at"]), **{key: int(data[key]) for key in ("findings", "files", "pages")})
    except (OSError, ValueError, KeyError, TypeError):
        return None
