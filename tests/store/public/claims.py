"""An upload, and its claims."""

from __future__ import annotations

from eggwatch.model.names import Project
from eggwatch.model.sightings import Claim, Sighting
from eggwatch.store.drop.folder import Drop
from eggwatch.store.public.spool import Spool, finished

NAME = "demo-1.0.tar.gz"
PLACE = {"project": Project("demo"), "filename": NAME}


def sighting(drop: Drop) -> Sighting:
    """What a scan has seen."""
    (found,) = drop.scan().uploads
    return Sighting(path=found.path, filename=found.name, identity=found.identity, uid=found.uid, since=0.0)


def copied(spool: Spool, drop: Drop, seen: Sighting) -> Claim:
    """The upload, claimed and not yet durable."""
    return finished(spool.claiming(drop, seen, at="2026"))


def claimed(spool: Spool, drop: Drop) -> Claim:
    """The upload, claimed and durable."""
    claim = copied(spool, drop, sighting(drop))
    spool.sync([claim])
    return claim
