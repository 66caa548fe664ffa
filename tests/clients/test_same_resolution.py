"""Every client takes the same versions from every server, and asks as little as it can.

`EGGWATCH_GOLDEN=write pytest tests/clients` records what is seen in docs/clients-seen.json, and
`python -m docs.clients` makes a page of that; read both before they are committed.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from docs.clients import CASES
from tests.clients.conftest import Bench
from tests.clients.installers import CLIENTS, QUICK, Client
from tests.clients.record import check
from tests.clients.servers import KINDS

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

EACH = [
    pytest.param(client, kind, id=f"{client}-{kind}", marks=() if client.name in QUICK else pytest.mark.long)
    for client, kind in itertools.product(CLIENTS.values(), KINDS)
]


def _sort(path: str) -> str:
    if path.startswith("/simple/"):
        return "page"
    return "metadata" if path.endswith(".metadata") else "file"


@pytest.mark.parametrize(("client", "kind"), EACH)
def test_a_client_takes_the_documented_versions_by_the_fewest_requests(
    bench: Bench, client: Client, kind: str, tmp_path: Path
) -> None:
    """One page, one .metadata and one file for each package; a page that is read again costs a 304."""
    server = bench.servers[kind]
    projects = [project for project in CASES if project != client.left_out]
    begun = server.mark()
    taken = client.run(tmp_path, server.index, bench.programs(client), projects)
    asked = server.requests(begun)
    assert [*sorted(taken)] == sorted(projects)
    for project in projects:
        own = [(path, status) for path, status in asked if re.match(rf"/(?:simple|files)/{project}/", path)]
        assert {status for _, status in own} <= {200, 304}, own
        assert Counter(_sort(path) for path, status in own if status == 200) == fewest(client, project), own
    check(client.name, kind, taken, fewest(client))


def fewest(client: Client, project: str = "") -> Counter[str]:
    metadata = client.knows_metadata + (project == client.reads_twice != "")
    return +Counter(page=1, metadata=metadata, file=int(client.takes_files))
