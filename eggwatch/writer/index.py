"""Config → a ready Pipeline: the only place that chooses implementations and reads templates."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import ConfigurationError, FolderError
from eggwatch.inspection.inspectors import Inspectors
from eggwatch.linux import capabilities, leases
from eggwatch.linux.accounts import IDENTITIES, through_door
from eggwatch.model.events import timestamp
from eggwatch.notifiers.journal import JournalNotifier
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import environment
from eggwatch.pipeline.components import Components
from eggwatch.pipeline.housekeeping import RECEIPTS
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.pipeline.root_pages import InlineRenderer, RootPages, RootRenderer
from eggwatch.policy.weighing import needs_renderer
from eggwatch.store import durable
from eggwatch.store.drop.answers import Answers
from eggwatch.store.drop.answers_away import AnswersAway
from eggwatch.store.drop.door_orders import DoorOrders
from eggwatch.store.drop.folder import Drop
from eggwatch.store.durable import Permissions
from eggwatch.store.public.pool import Pool
from eggwatch.store.public.spool import Spool
from eggwatch.store.state.catalog import Catalog, is_damaged
from eggwatch.store.state.cursors import DAEMON, Cursors
from eggwatch.store.state.ledger import Ledger
from eggwatch.store.state.lock import Lock
from eggwatch.store.state.orders import OrderBox, PendingOrder
from eggwatch.targets.folder import FolderTarget
from eggwatch.writer.catch_up import open_catalog, set_damaged_aside
from eggwatch.writer.folders import permissions_of, prepare_drop, taken_lock
from eggwatch.writer.orders import Box
from eggwatch.writer.page_sources import mark_lost_pages, mark_stale_pages, page_sources, sweep_former_static

log = logging.getLogger("eggwatch")

RendererMaker = Callable[[Catalog, Mapping[str, str], LandingOptions, IndexConfig], RootRenderer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index that is open for writing: its lock, its pipeline, and its folders of orders."""

    config: IndexConfig
    lock: Lock
    pipeline: Pipeline
    orders: OrderBox
    door_orders: DoorOrders | None = None
    """Those that came in over HTTP."""

    def pending(self) -> list[tuple[Box, PendingOrder]]:
        """The waiting orders, each with the folder for its answer."""
        found: list[tuple[Box, PendingOrder]] = [(self.orders, order) for order in self.orders.pending()]
        if self.door_orders is not None:
            found += [(self.door_orders, order) for order in self.door_orders.pending()]
        return found

    def close(self) -> None:
        """End helpers and let go of files, in order: the catalog is left readable for others."""
        self._end(self.pipeline.components.catalog.finish)

    def abandon(self) -> None:
        """Let go after an error, as a crash would: nothing more is written."""
        try:
            self.pipeline.let_go()
        finally:
            self._end(self.pipeline.components.catalog.close)

    def _end(self, end_catalog: Callable[[], None]) -> None:
        components = self.pipeline.components
        with ExitStack() as last_first:
            for end in (self.lock.close, components.ledger.close, end_catalog, components.inspectors.close):
                last_first.callback(end)
            components.front.close()


def open_index(
    config: IndexConfig,
    *,
    renderer: RendererMaker = InlineRenderer,
    inspectors: type[Inspectors] = Inspectors,
    now: Callable[[], float] = time.time,
) -> Index:
    """Take the lock and make everything ready. EggwatchError where the operator has to act."""
    capabilities.lower()
    _check_renderer(config)
    permissions = permissions_of(config)
    lock = taken_lock(config, permissions)
    try:
        orders = OrderBox(config.state, permissions)
        orders.prepare()
        try:
            pipeline = _assemble(config, permissions, renderer=renderer, inspectors=inspectors, now=now)
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
            set_damaged_aside(config.catalog, str(error))
            pipeline = _assemble(config, permissions, renderer=renderer, inspectors=inspectors, now=now)
        door = _door_orders(pipeline, orders, permissions)
        return Index(config=config, lock=lock, pipeline=pipeline, orders=orders, door_orders=door)
    except BaseException:
        lock.release()
        raise


def check_sources(config: IndexConfig) -> None:
    """ConfigurationError if an index can't be opened for want of a renderer, or because of a template or its logo."""
    _check_renderer(config)
    if faults := page_sources(config).faults:
        raise ConfigurationError("\n".join(faults), remedy="Correct this file, or delete it to have eggwatch's own.")


def _check_renderer(config: IndexConfig) -> None:
    if needs_renderer(config.terms) and find_spec("readme_renderer") is None:
        raise ConfigurationError(
            f"[index.{config.name}] refuses READMEs that do not render, and readme-renderer is not installed.",
            remedy="Install it ('pip install eggwatch[readme]'), or set rules = { readme-unrenderable = \"warn\" }.",
        )


@contextmanager
def opened_index(config: IndexConfig) -> Iterator[Index]:
    """An index for one command: closed in order in the end, or let go of, as by a crash, after an error.

    FolderError if the catalog turns out to be damaged in the middle of the work: it is set aside, so the same
    command goes well when it is given again.
    """
    index = open_index(config)
    try:
        yield index
    except sqlite3.DatabaseError as error:
        index.abandon()
        if not is_damaged(error):
            raise
        set_damaged_aside(config.catalog, str(error))
        raise FolderError(
            f"{config.catalog} was damaged ({error}) and has been set aside.",
            remedy="Run the command again: the catalog is rebuilt from the ledger, nothing is lost.",
        ) from error
    except BaseException:
        index.abandon()
        raise
    index.close()


def _door_orders(pipeline: Pipeline, orders: OrderBox, permissions: Permissions) -> DoorOrders | None:
    door = pipeline.config.uploads
    return None if door is None else DoorOrders(pipeline.components.drop, door.account, orders.folder, permissions)


def _assemble(
    config: IndexConfig,
    permissions: Permissions,
    *,
    renderer: RendererMaker,
    inspectors: type[Inspectors],
    now: Callable[[], float],
) -> Pipeline:
    leases.ignore_breaks()
    with ExitStack() as opened:
        ledger = Ledger(config.ledger, permissions)
        opened.callback(ledger.close)
        catalog = open_catalog(config, ledger, permissions)
        opened.callback(catalog.close)
        components = _components(
            config, permissions, ledger, catalog, renderer=renderer, inspectors=inspectors, now=now
        )
        pipeline = Pipeline(components, config)
        opened.pop_all()  # it is the index that closes them from now on
    return pipeline


def _components(
    config: IndexConfig,
    permissions: Permissions,
    ledger: Ledger,
    catalog: Catalog,
    *,
    renderer: RendererMaker,
    inspectors: type[Inspectors],
    now: Callable[[], float],
) -> Components:
    cursors = Cursors(config.state, DAEMON, permissions)
    cursors.begin([JournalNotifier.name, *(one.name for one in config.subscriptions)], end=ledger.end.serial)
    spool, pool = _spool_and_pool(config, permissions)
    sources, drop = page_sources(config), Drop(config.drop, config.formats)
    for fault in sources.faults:  # it stops no upload
        log.error(
            "%s; eggwatch's own is used until this is corrected and the configuration reloaded", fault.rstrip(".")
        )
    answers = (AnswersAway if config.is_mirror else Answers)(drop, config.state, permissions)
    target = FolderTarget(
        config.public, scratch=spool.scratch, now_ns=lambda: int(now() * 1e9), permissions=permissions
    )
    mark_lost_pages(config, catalog)
    mark_stale_pages(catalog, sources, config.terms.archived)
    sweep_former_static(catalog, sources, target)
    prepare_drop(config, answers)
    receipts = _receipts(config, answers, catalog, now=now(), retold=ledger.end.serial)
    rendering = renderer(catalog, sources.templates, sources.options, config)
    return Components(
        drop=drop,
        spool=spool,
        pool=pool,
        ledger=ledger,
        catalog=catalog,
        cursors=cursors,
        answers=answers,
        target=target,
        templates=environment(sources.templates),
        front=RootPages(rendering, catalog, target, site=sources.options.site, static=sources.static),
        inspectors=inspectors(readme=needs_renderer(config.terms)),
        receipts=receipts,
        notifiers=[receipts, JournalNotifier(config.name)],
        now=now,
    )


def _receipts(config: IndexConfig, answers: Answers, catalog: Catalog, *, now: float, retold: int) -> Receipts:
    return Receipts(
        answers,
        since=catalog.published_since,
        index_url=config.index_url,
        rules_url=config.rules_url,
        oldest=timestamp(now - (RECEIPTS.age or 0.0)),
        retold=retold,
    )


def _spool_and_pool(config: IndexConfig, permissions: Permissions) -> tuple[Spool, Pool]:
    """Their folders, made where they are missing; FolderError if nothing can be linked from one to the other."""
    identify = IDENTITIES[config.identity]
    if config.uploads is not None:
        identify = through_door(config.uploads.account, identify)
    spool, pool = Spool(config.public, permissions, identify=identify), Pool(config.public, permissions)
    spool.prepare()
    pool.prepare()
    simple = config.public / "simple"
    durable.make_folders(simple, permissions)
    for folder in (pool.folder, simple):
        spool.check_linking(folder)
    return spool, pool
