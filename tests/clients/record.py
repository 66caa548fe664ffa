"""What docs/clients-seen.json says that a client takes, and how it is recorded anew."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from docs.clients import CASES, SEEN
from tests.clients.installers import CLIENTS
from tests.clients.servers import KINDS


def check(client: str, server: str, taken: Mapping[str, str], requests: Mapping[str, int]) -> None:
    """Compare with the documentation, or write it if EGGWATCH_GOLDEN=write says so."""
    seen = {"taken": {project: taken[project] for project in CASES if project in taken}, "requests": dict(requests)}
    recorded = json.loads(SEEN.read_text("utf-8")) if SEEN.exists() else {}
    if os.environ.get("EGGWATCH_GOLDEN") == "write":
        recorded.setdefault(client, {})[server] = seen
        ordered = {name: {kind: recorded[name].get(kind) for kind in KINDS} for name in CLIENTS if name in recorded}
        SEEN.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")
    assert seen == recorded[client][server]
