"""A judged original in a drop folder, on its way out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from eggwatch.linux import leases
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import Drop, identity_of
from eggwatch.store.drop.retiring import Departure, Hidden, hide

NAME = "demo-1.0.tar.gz"
DATA = b"what was judged"


def with_original(root: Path) -> Drop:
    """A drop folder with one judged original in a subfolder."""
    leases.ignore_breaks()
    (root / "team").mkdir(parents=True)
    (root / "team" / NAME).write_bytes(DATA)
    return Drop(root, ("wheel", "sdist"))


def original(drop: Drop) -> Path:
    """Where the original lies."""
    return drop.root / "team" / NAME


def departure(drop: Drop, *, rejected: bool = False) -> Departure:
    """The original as it was judged."""
    return Departure(
        path=f"team/{NAME}",
        filename=NAME,
        identity=identity_of(original(drop).stat()),
        serial=7,
        sha256=hashlib.sha256(DATA).hexdigest(),
        rejected=rejected,
    )


def hidden(drop: Drop, *, rejected: bool = False) -> Hidden:
    """The original, hidden."""
    answer = hide(drop, departure(drop, rejected=rejected))
    assert isinstance(answer, Hidden), answer
    return answer


def refused(drop: Drop, answers: Answers) -> Hidden:
    """The original, hidden, of which a reason says why it was refused."""
    answers.explain_refusal(NAME, {"serial": 7, "sha256": hashlib.sha256(DATA).hexdigest()}, "no\n")
    return hidden(drop, rejected=True)


def kept(drop: Drop) -> list[str]:
    """What lies in rejected/ beside reasons."""
    return sorted(path.name for path in (drop.root / "rejected").iterdir() if ".reason." not in path.name)


def lying(drop: Drop) -> list[str]:
    """What lies in the subfolder."""
    return sorted(path.name for path in (drop.root / "team").iterdir())
