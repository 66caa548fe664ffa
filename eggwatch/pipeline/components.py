"""What a pipeline is made of; `eggwatch.writer.index` chooses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jinja2 import Environment

from eggwatch.inspection.inspectors import Inspectors
from eggwatch.notifiers import Notifier
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pipeline.root_pages import RootPages
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.folder import Drop
from eggwatch.store.public.pool import Pool
from eggwatch.store.public.spool import Spool
from eggwatch.store.state.catalog import Catalog
from eggwatch.store.state.cursors import Cursors
from eggwatch.store.state.ledger import Ledger
from eggwatch.targets.folder import FolderTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """The collaborators of one index; `now` gives seconds since the epoch."""

    drop: Drop
    spool: Spool
    pool: Pool
    ledger: Ledger
    catalog: Catalog
    cursors: Cursors
    answers: Answers
    target: FolderTarget
    templates: Environment
    front: RootPages
    inspectors: Inspectors
    receipts: Receipts
    notifiers: Sequence[Notifier]
    now: Callable[[], float]
