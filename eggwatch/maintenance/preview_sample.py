"""A small index that is made up: what a preview shows while nothing has been published."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from eggwatch.model.codes import Code
from eggwatch.model.events import Event, EventKind
from eggwatch.model.verdicts import Flaw
from eggwatch.store.state.ledger import START, Ledger

README = """\
# A README

With *emphasis*, `code`, [a link](https://example.com/) and a list:

- one
- two

```python
import acme
acme.run(number=42)
```

| Column | Another |
| ------ | ------- |
| one    | 1       |

> A quotation.
"""
_FIELDS = """\
Requires-Python: >=3.9
Author-email: Alice <alice@example.com>
License-Expression: MIT
Project-URL: Homepage, https://example.com/
Keywords: sample,preview
Classifier: Programming Language :: Python :: 3
Requires-Dist: acme-core>=1.0
Requires-Dist: requests
Description-Content-Type: text/markdown
"""
PROJECTS = (("acme-core", "1.0"), ("acme-tools", "1.0"), ("acme-tools", "1.1"), ("acme-web", "0.9"))


def write_sample(public: Path, state: Path) -> None:
    """Write a ledger, and beside each file of it its metadata; what can be downloaded is no archive."""
    state.mkdir(parents=True)
    ledger = Ledger(state / "ledger.jsonl")
    ledger.open(START)
    ledger.append(_events(public))
    ledger.close()


def _events(public: Path) -> Iterator[Event]:
    for number, (project, version) in enumerate(PROJECTS):
        yield _published(public, project, version, at=f"2026-03-{number + 1:02}T08:00:00.000000Z")
    yanked = _published(public, "acme-tools", "1.0", at="2026-03-05T08:00:00.000000Z")
    yield replace(yanked, kind=EventKind.YANKED, reason="breaks on Tuesdays")
    flaw = Flaw(code=Code.ZIP_CRC, subject="acme/run.py", message="The checksum of acme/run.py is wrong.")
    yield Event(
        kind=EventKind.REJECTED,
        at="2026-03-06T08:00:00.000000Z",
        filename="acme_web-1.0-py3-none-any.whl",
        sha256="0" * 64,
        flaws=(flaw,),
    )


def _published(public: Path, project: str, version: str, *, at: str) -> Event:
    filename = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.4\nName: {project}\nVersion: {version}\nSummary: What {project} is for.\n"
    content = (metadata + _FIELDS + "\n" + README).encode()
    folder = public / "files" / project
    folder.mkdir(parents=True, exist_ok=True)
    (folder / filename).write_bytes(content)
    (folder / f"{filename}.metadata").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Event(
        kind=EventKind.ADMITTED,
        at=at,
        project=project,
        version=version,
        filename=filename,
        sha256=digest,
        size=len(content),
        uploader="alice",
        name=project,
        requires_python=">=3.9",
        metadata_sha256=digest,
    )
