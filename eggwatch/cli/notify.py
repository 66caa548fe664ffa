"""eggwatch notify"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import click

from eggwatch.cli.logs import log_as, log_format_option
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say
from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import OF_DISKS, EggwatchError, FolderError, LockHeldError, in_words
from eggwatch.linux import capabilities
from eggwatch.linux.systemd import Supervisor
from eggwatch.notifiers.registry import messenger_of
from eggwatch.service.courier import LOOK_SECONDS, Courier, try_each
from eggwatch.store import durable
from eggwatch.store.state.cursors import FOLDER
from eggwatch.store.state.deliveries import Deliveries
from eggwatch.store.state.lock import Lock
from eggwatch.writer.folders import permissions_of

log = logging.getLogger("eggwatch")

STOP_SECONDS = 5.0
RETRY_SECONDS = 30.0
"""A pause after an error of a disk, as of one that is full."""


@click.command()
@index_options
@click.option("--test", "testing", is_flag=True, help="Send a sample to every recipient, and exit.")
@click.option("--once", is_flag=True, help="Deliver what can be delivered now, and exit.")
@click.option("--retry", is_flag=True, help="Retry what was put aside as undeliverable, and exit.")
@click.option("--until-eof", is_flag=True, hidden=True, help="Exit when standard input is closed.")
@click.option("--served-at", metavar="URL", hidden=True, help="Where 'run --serve' serves indexes that have no 'url'.")
@log_format_option
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
def notify(
    selection: Selection,
    testing: bool,
    once: bool,
    retry: bool,
    until_eof: bool,
    served_at: str | None,
    log_format: str,
    as_json: bool,
    verbose: bool,
) -> None:
    """Deliver news to mail servers, webhooks, programs and chats, until SIGTERM or Ctrl-C.

    'eggwatch run' starts this itself, unless it runs with --without-news: then a unit of its own runs it, with a
    network and without any right over the drop folder. Recipients are set in the configuration.

    \b
    Examples:
      eggwatch notify --test     a sample to all recipients
      eggwatch notify --retry    what 'eggwatch status' lists as undelivered
    Exit status: 0 good, 1 something could not be delivered, 2 configuration,
      3 another courier is running.
    """
    log_as(log_format, verbose=verbose, quiet=testing)
    capabilities.lower()
    selection = replace(selection, served_at=served_at)
    indexes = selection.all()
    if testing:
        good = [_test(index, as_json=as_json) for index in indexes]
    elif retry:
        good = [_retry(index) for index in indexes]
    elif once:
        with _couriers(indexes) as couriers:
            good = [courier.deliver_once() for courier in couriers]
    else:
        _carry(selection, until_eof=until_eof)
        return
    sys.exit(not all(good))


def _test(index: IndexConfig, *, as_json: bool) -> bool:
    if not index.subscriptions and not as_json:
        say(f"{index.name}: no recipients are configured; 'eggwatch init' shows how")
    good = True
    for name, error in try_each(index):
        good = good and error is None
        if as_json:
            print_json({"index": index.name, "subscription": name, "sent": error is None, "error": error})
        else:
            say(f"{index.name}: {name}: {'sent' if error is None else error}")
    return good


def _retry(index: IndexConfig) -> bool:
    """Dead letters once more: by the courier that is at work, or else here."""
    try:
        with _couriers([index]) as couriers:
            good = [route.retry() for courier in couriers for route in courier.routes]
            return all(good)
    except LockHeldError:
        Deliveries(index.state, permissions_of(index)).ask_to_retry()
        say(f"{index.name}: the running courier retries them; 'eggwatch status' shows what is left")
        return True


@contextmanager
def _couriers(indexes: list[IndexConfig]) -> Iterator[list[Courier]]:
    """The only courier of each index that has recipients."""
    with ExitStack() as stack:
        couriers = []
        for index in indexes:
            if index.subscriptions:
                permissions = permissions_of(index)
                durable.make_folders(index.state / FOLDER, permissions)
                lock = Lock(index.state / FOLDER / "lock", permissions)
                lock.acquire()
                stack.callback(lock.release)
                label = index.name if len(indexes) > 1 else None
                couriers.append(Courier(index, Deliveries(index.state, permissions), label=label))
        yield couriers


def deliver_once(indexes: Iterable[IndexConfig]) -> None:
    """Send the news of a single round. What can't be sent now is sent later, and is not an error of the round."""
    for index in indexes:
        try:
            with _couriers([index]) as couriers:
                for courier in couriers:
                    courier.deliver_once()
        except LockHeldError:
            continue  # another courier sends it
        except (EggwatchError, OSError) as error:
            log.error("announce [%s] %s", index.name, in_words(error))


class _Wishes:
    """What signals ask for: to stop, or to read the configuration again."""

    def __init__(self) -> None:
        self.stop, self.reload = threading.Event(), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        signal.signal(signal.SIGHUP, lambda *_: self.reload.set())

    def have_come(self) -> bool:
        """Whether there is one at the end of a moment."""
        return self.stop.wait(LOOK_SECONDS) or self.reload.is_set()


def _carry(selection: Selection, *, until_eof: bool) -> None:
    """Send news until stopped; begin again with another configuration, and after an error of a disk."""
    supervisor, wishes = Supervisor(), _Wishes()
    is_over = _eof if until_eof else lambda: False
    indexes = selection.all()
    while not (wishes.stop.is_set() or is_over()):
        try:
            with _couriers(indexes) as couriers:
                _work(couriers, supervisor, lambda: wishes.have_come() or is_over())
        except (OSError, FolderError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in OF_DISKS:
                raise
            log.error("announce %s; retrying in %g s, nothing is lost", in_words(cause), RETRY_SECONDS)
            _pause(supervisor, lambda: wishes.have_come() or is_over())
        if wishes.reload.is_set():
            wishes.reload.clear()
            indexes = _read_again(selection, indexes, supervisor)
    supervisor.stopping()


def _work(couriers: Sequence[Courier], supervisor: Supervisor, is_over: Callable[[], bool]) -> None:
    """Let them deliver until it is over."""
    for courier in couriers:
        courier.start()
    supervisor.ready()
    try:
        while not is_over():
            for courier in couriers:
                courier.look_around()
            if all(courier.is_alive() for courier in couriers):
                supervisor.progress()
    finally:
        for courier in couriers:
            courier.stop(STOP_SECONDS)


def _pause(supervisor: Supervisor, is_over: Callable[[], bool]) -> None:
    end = time.monotonic() + RETRY_SECONDS
    _work([], supervisor, lambda: is_over() or time.monotonic() >= end)


def _read_again(selection: Selection, before: list[IndexConfig], supervisor: Supervisor) -> list[IndexConfig]:
    """The indexes of the configuration as it is now; those of before, if it is wrong now."""
    supervisor.reloading()
    try:
        indexes = selection.all()
        for index in indexes:
            for subscription in index.subscriptions:
                messenger_of(subscription)
    except EggwatchError as error:
        log.error("reload failed, still using the old configuration: %s", error)
        return before
    return indexes


def _eof() -> bool:
    """Whether whoever holds the other end of standard input has gone."""
    return bool(select.select([0], [], [], 0)[0]) and not os.read(0, 1)
