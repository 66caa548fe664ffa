"""Config → a ready Pipeline: the only place that chooses implementations and reads templates."""

from __future__ import annotations

import grp
import hashlib
import importlib.resources
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment

from eggwatch import privileges
from eggwatch.announcing import RECEIPTS
from eggwatch.config import IndexConfig
from eggwatch.errors import ConfigurationError, FolderError, LedgerError
from eggwatch.front import Front, FrontRenderer, InlineFront, SpawnedFront, front_key
from eggwatch.missing import shown_serial
from eggwatch.model.events import timestamp
from eggwatch.notifiers.journal import JournalNotifier
from eggwatch.notifiers.readme import readme_text
from eggwatch.notifiers.receipts import Receipts
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import JSON_NAME, RENDERER_VERSION, environment
from eggwatch.parts import Parts
from eggwatch.pipeline import Pipeline
from eggwatch.store import cursors, durable, lease
from eggwatch.store.accounts import IDENTITIES, run_as_owner
from eggwatch.store.answers import Answers
from eggwatch.store.catalog import NO_DAMAGE, Catalog, Reader
from eggwatch.store.drop import Drop
from eggwatch.store.durable import Permissions
from eggwatch.store.ledger import START, Ledger, Position, after
from eggwatch.store.lock import Lock
from eggwatch.store.orders import OrderBox
from eggwatch.store.pool import Pool
from eggwatch.store.spool import Spool
from eggwatch.targets.folder import FolderTarget
from eggwatch.workers import Inspectors

log = logging.getLogger("eggwatch")

CATALOG = "catalog.sqlite3"

FrontMaker = Callable[[Catalog, dict[str, str], Environment, LandingOptions], FrontRenderer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index that is open for work: its lock, its pipeline, and the box in which orders lie."""

    config: IndexConfig
    lock: Lock
    pipeline: Pipeline
    orders: OrderBox

    def close(self) -> None:
        """End helpers and let go of files, in order: the catalog is left readable for others."""
        parts = self.pipeline.parts
        with closing(self.lock):
            parts.front.close()
            parts.inspectors.close()
            parts.catalog.finish()
            parts.ledger.close()

    def abandon(self) -> None:
        """Let go after an error, as a crash would: nothing more is written."""
        self.pipeline.let_go()
        parts = self.pipeline.parts
        with closing(self.lock):
            for close in (parts.front.close, parts.inspectors.close, parts.catalog.close, parts.ledger.close):
                close()


def templates() -> dict[str, str]:
    """The pages' templates by name."""
    folder = importlib.resources.files("eggwatch.pages") / "templates"
    return {item.name: item.read_text("utf-8") for item in sorted(folder.iterdir(), key=lambda item: item.name)}


def permissions_of(config: IndexConfig) -> Permissions:
    """Modes and group of what lies in PUBLIC and STATE; a folder may be entered by whoever may read its files."""
    gid = None
    if config.group is not None:
        try:
            gid = grp.getgrnam(config.group).gr_gid
        except KeyError as error:
            raise ConfigurationError(
                f"[index.{config.name}] group: there is no group {config.group!r}.", remedy="Make it with groupadd."
            ) from error
    return Permissions(file=config.mode, folder=config.mode | 0o100 | (config.mode & 0o444) >> 2, gid=gid)


def landing_options(config: IndexConfig) -> LandingOptions:
    """What the landing page says that is not in the ledger."""
    return LandingOptions(
        index_url=config.index_url,
        upload_to=config.upload_address,
        contact=config.contact,
        profile=str(config.terms.profile),
        weights=config.terms.weights(),
    )


def spawned_front(catalog: Catalog, sources: dict[str, str], _: Environment, options: LandingOptions) -> FrontRenderer:
    """The daemon's way: front pages in a process of their own."""
    return SpawnedFront(catalog.path, sources, options)


def inline_front(catalog: Catalog, _: dict[str, str], env: Environment, options: LandingOptions) -> FrontRenderer:
    """A single command's way: front pages here and now."""
    return InlineFront(catalog, env, options)


def open_index(config: IndexConfig, *, front: FrontMaker = inline_front, now: Callable[[], float] = time.time) -> Index:
    """Take the lock and make everything ready. EggwatchError where the operator has to act."""
    privileges.lower()
    _check_renderer(config)
    permissions = permissions_of(config)
    make_folders(config, permissions)
    lock = Lock(config.state / "lock", permissions)
    lock.acquire()
    try:
        _refuse_root_on_foreign_ground(config)
        orders = OrderBox(config.state, permissions)
        orders.prepare()
        try:
            pipeline = _assemble(config, permissions, front, now)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, or the disk: nothing is wrong with what is in it
                raise
            _set_damaged_aside(config.state / CATALOG, str(error))
            pipeline = _assemble(config, permissions, front, now)
        return Index(config=config, lock=lock, pipeline=pipeline, orders=orders)
    except BaseException:
        lock.release()
        raise


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
        if isinstance(error, sqlite3.OperationalError):
            raise
        _set_damaged_aside(config.state / CATALOG, str(error))
        raise FolderError(
            f"{config.state / CATALOG} was damaged ({error}) and has been set aside.",
            remedy="Give the command again: the catalog is made anew from the ledger, nothing is lost.",
        ) from error
    except BaseException:
        index.abandon()
        raise
    index.close()


def _refuse_root_on_foreign_ground(config: IndexConfig) -> None:
    """FolderError where root would leave folders of its own in another account's index: its daemon couldn't go on."""
    if os.geteuid() == 0 and os.stat(config.state).st_uid != 0:
        raise FolderError(
            f"{config.state} belongs to another account, which could not change what root makes in it.",
            remedy=run_as_owner(config.state),
        )


def _check_renderer(config: IndexConfig) -> None:
    """ConfigurationError if READMEs are to be judged and nothing is there to render them."""
    if config.terms.needs_renderer() and find_spec("readme_renderer") is None:
        raise ConfigurationError(
            f"[index.{config.name}] refuses READMEs that do not render, and readme-renderer is not installed.",
            remedy="Install it ('pip install eggwatch[readme]'), or set rules = { readme-unrenderable = \"warn\" }.",
        )


def make_folders(config: IndexConfig, permissions: Permissions) -> None:
    """Make STATE and PUBLIC if they are missing; DROP only without a configuration."""
    for folder in (config.state, config.public, *([config.drop] if config.makes_folders else [])):
        try:
            durable.make_folders(folder, permissions)
        except OSError as error:
            raise FolderError(
                f"{folder} can't be made: {error.strerror}.", remedy="Make it, or run as its owner."
            ) from error


def _assemble(config: IndexConfig, permissions: Permissions, front: FrontMaker, now: Callable[[], float]) -> Pipeline:
    lease.ignore_breaks()
    spool = Spool(config.public, permissions, identify=IDENTITIES[config.identity])
    pool = Pool(config.public, permissions)
    ledger = Ledger(config.state / "ledger.jsonl", permissions)
    catalog = open_catalog(config, ledger, permissions)
    spool.prepare()
    pool.prepare()
    durable.make_folders(config.public / "simple", permissions)
    spool.check_linking(pool.folder)
    sources, drop = templates(), Drop(config.drop, config.formats)
    env, options = environment(sources), landing_options(config)
    answers = Answers(drop, config.state, permissions)
    target = FolderTarget(
        config.public, scratch=spool.scratch, now_ns=lambda: int(now() * 1e9), permissions=permissions
    )
    _mark_stale_pages(catalog, sources, options, config.terms.archived)
    _mark_lost_pages(config, catalog)
    prepare_drop(config, answers)
    oldest = timestamp(now() - (RECEIPTS.age or 0.0))
    receipts = Receipts(
        answers,
        since=catalog.published_since,
        index_url=config.index_url,
        rules_url=config.rules_url,
        oldest=oldest,
        retold=ledger.end.serial,
    )
    parts = Parts(
        drop=drop,
        spool=spool,
        pool=pool,
        ledger=ledger,
        catalog=catalog,
        answers=answers,
        target=target,
        templates=env,
        front=Front(front(catalog, sources, env, options), catalog, target),
        inspectors=Inspectors(readme=config.terms.needs_renderer()),
        receipts=receipts,
        notifiers=[receipts, JournalNotifier(config.name)],
        rules_url=config.rules_url,
        now=now,
    )
    return Pipeline(parts, config)


def open_catalog(config: IndexConfig, ledger: Ledger, permissions: Permissions) -> Catalog:
    """Open ledger and catalog, and bring the catalog up to date. LedgerError if the tree knows more than the ledger."""
    ledger.refuse_newer()
    shown = shown_serial(config.public)
    _refuse_missing(config, ledger, shown)
    ledger.make_last()
    catalog = _open_or_set_aside(config.state / CATALOG)
    try:
        end = _catch_up(ledger, catalog)
        if end.serial < shown:
            raise older_ledger(ledger, f"the published root page shows serial {shown}, the ledger ends at {end.serial}")
        _refuse_vanished(config, catalog)
        cursors.take_up(config.state, catalog, end)
        cursors.begin(catalog, [JournalNotifier.name, *(one.name for one in config.subscriptions)], end)
        ledger.open(end)
    except BaseException:
        catalog.close()
        raise
    catalog.narrow(permissions)
    return catalog


def older_ledger(ledger: Ledger, what: str) -> LedgerError:
    """The refusal over a ledger that knows less than what was published."""
    return LedgerError(
        f"{ledger.path} is missing or older than what was published from it: {what}. Nothing is rendered or deleted.",
        remedy="Put the newer ledger back, or run 'eggwatch rebuild', which learns the rest from the published tree.",
    )


def _refuse_missing(config: IndexConfig, ledger: Ledger, shown: int) -> None:
    if ledger.exists():
        return
    files, pages = config.public / "files", config.public / "simple"
    # An empty ledger beside archives, and not one project page: a crash came right before the first commit.
    filled = (pages,) if ledger.path.exists() else (pages, files)
    if shown > 0 or any(entry.is_dir() for folder in filled if folder.is_dir() for entry in folder.iterdir()):
        raise older_ledger(ledger, f"{config.public} holds a published tree")


def _refuse_vanished(config: IndexConfig, catalog: Catalog) -> None:
    """FolderError if the bytes of all files are gone: pages are never rendered over an unmounted disk."""
    count, files = catalog.counts()[1], config.public / "files"
    if count and not files.is_dir():
        raise FolderError(
            f"There is no {files}, and the ledger knows {count} published files.",
            remedy="Mount its disk, or put it back from your backup. Nothing was changed.",
        )


def _open_or_set_aside(path: Path) -> Catalog:
    try:
        catalog = Catalog(path)
        if catalog.is_sound():
            return catalog
        catalog.close()
        reason = "it is of another version"
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) in NO_DAMAGE:
            raise
        reason = str(error)
    _set_damaged_aside(path, reason)
    return Catalog(path)


def _set_damaged_aside(path: Path, reason: str) -> None:
    set_aside(path)
    log.warning("%s can't be used (%s): it is set aside and made anew from the ledger", path, reason)


def set_aside(path: Path) -> None:
    """Rename a catalog that can't be used, with its write-ahead log."""
    stamp = time.time_ns()
    for suffix in ("-shm", "-wal", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            durable.rename(file, file.with_name(f"{path.name}.damaged-{stamp}{suffix}"))


def _catch_up(ledger: Ledger, catalog: Catalog) -> Position:
    """Apply what the ledger has and the catalog has not; cut a torn last line."""
    position = catalog.position()
    if not ledger.follows(position):
        raise older_ledger(ledger, f"the catalog knows serial {position.serial}, which the ledger does not have")
    batch, end = [], position if position.offset else START
    for entry in ledger.read(end):
        batch.append(entry)
        end = after(entry)
        if len(batch) == 1000:
            catalog.apply(batch)
            batch.clear()
    catalog.apply(batch)
    if ledger.torn_bytes(end) > 0:
        log.warning("%s: its last line is torn and was never told; it is cut after serial %d", ledger.path, end.serial)
        ledger.cut(end)
    return end


def _mark_stale_pages(
    catalog: Catalog, sources: dict[str, str], options: LandingOptions, archived: Sequence[str]
) -> None:
    """Another renderer or other options make pages stale; those that come out equal are not rewritten."""
    renderer = f"{RENDERER_VERSION}-{hashlib.sha256(sources['project.html'].encode()).hexdigest()[:16]}"
    if catalog.meta("renderer") != renderer:
        catalog.mark_all_stale({"renderer": renderer, "root_serial": None})
    front = front_key(sources, options)
    if catalog.meta("front") != front:
        catalog.set_meta({"front": front, "root_serial": None})
    if changed := set(archived) ^ set(archived_projects(catalog)):
        catalog.mark_stale(sorted(changed), {"archived": json.dumps(sorted(set(archived)))})


def _mark_lost_pages(config: IndexConfig, catalog: Catalog) -> None:
    """Without a root page, no page is taken for granted: PUBLIC may have been put back without them."""
    if catalog.position().serial and not (config.public / "simple" / JSON_NAME).exists():
        catalog.mark_all_stale({"root_serial": None})


def archived_projects(catalog: Reader) -> list[str]:
    """The projects that pages show as archived, or will as soon as they are rendered."""
    return list(json.loads(str(catalog.meta("archived") or "[]")))


def prepare_drop(config: IndexConfig, answers: Answers) -> None:
    """Leave README.txt and the folders of answers in the drop; where that can't be, the rest goes on."""
    try:
        answers.prepare()
        answers.write_readme(readme_text(config.index_url, config.upload_address, contact=config.contact))
    except FolderError:  # it is not there, which every look at it says
        return
    except OSError as error:
        log.warning("sight    %s: %s", config.drop, error)
