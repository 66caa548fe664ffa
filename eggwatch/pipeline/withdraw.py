"""What was deleted from a drop folder that is a mirror leaves the index, by the same order that a person gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from eggwatch.intake.mirror import Mirror
from eggwatch.intake.originals import Originals
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.queue import FINAL, Fate
from eggwatch.policy.orders import Remove, Spec
from eggwatch.store.state.catalog import Catalog, Original, key_of

REASON = "deleted from the drop folder"
ACTOR = "mirror"


def as_they_lie(originals: Iterable[Original], *, is_mirror: bool) -> Iterator[Original]:
    """What is remembered of originals: those in a mirror stay, those of a former one are read anew, and leave."""
    for one in originals:
        if is_mirror and one.fate in FINAL:
            yield replace(one, fate=Fate.KEPT)
        elif one.fate is not Fate.KEPT:
            yield one


def removals(deleted: Iterable[str], mirror: Mirror, originals: Originals, catalog: Catalog) -> Iterator[Remove]:
    """An order for each path; none if the index holds other bytes of that name, or another file of it lies there."""
    for path in deleted:
        name, original = path.rpartition("/")[2], originals.at(path)
        filename, record = parse_filename(name), catalog.file(key_of(name))
        if not isinstance(filename, Filename) or record is None or original is None:
            continue
        if record.file.sha256 == original.sha256 and not mirror.lies_elsewhere(name):
            spec = Spec(text=name, project=filename.project, filename=filename)
            yield Remove(spec=spec, reason=REASON, actor=ACTOR)
