"""Options that every command takes, before or after its name, and what they select."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from eggwatch.config.grammar import duration
from eggwatch.config.index_config import Config, IndexConfig
from eggwatch.config.loading import find, from_folders, in_full
from eggwatch.errors import ConfigurationError

INDEX = ("public", "state")
"""The folders that make an index; its drop folder may be an unmounted disk."""
_NAMES = ("config", "index", "drop", "public", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which index or indexes a command is about."""

    config: Path | None = None
    index: str | None = None
    drop: Path | None = None
    public: Path | None = None
    state: Path | None = None
    served_at: str | None = None
    """The URL of our own server, for the indexes that say no `url`."""

    def every(self) -> list[IndexConfig]:
        """All indexes of the configuration, also where --index names one."""
        return replace(self, index=None).all()

    def load(self, *, needed: Collection[str] = INDEX) -> Config:
        """The configuration; raises ConfigurationError or NoIndexError if there is none.

        Without a file, the folders in `needed` must exist; if it is empty, all folders are created.
        """
        folders = (self.drop, self.public, self.state)
        if any(folder is not None for folder in folders):
            if self.config is not None or any(folder is None for folder in folders):
                raise click.UsageError("Use --drop, --public and --state together, and without --config.")
            drop, public, state = (in_full(Path(str(folder))) for folder in folders)
            return self._only(from_folders(drop, public, state, needed=needed))
        return self._only(find(self.config, environment=os.environ, needed=needed))

    def _only(self, config: Config) -> Config:
        if self.index is not None:
            if self.index not in config.indexes:
                raise ConfigurationError(
                    f"There is no index {self.index!r}.", remedy=f"There are: {', '.join(config.indexes)}."
                )
            config = replace(config, indexes={self.index: config.indexes[self.index]})
        return config if self.served_at is None else config.served_at(self.served_at)

    def one(self, *, needed: Collection[str] = INDEX) -> IndexConfig:
        """The only index; ConfigurationError with the names if there are several."""
        config = self.load(needed=needed)
        if len(config.indexes) != 1:
            raise ConfigurationError(
                f"There are {len(config.indexes)} indexes.", remedy=f"Choose with --index: {', '.join(config.indexes)}."
            )
        return next(iter(config.indexes.values()))

    def all(self) -> list[IndexConfig]:
        """All indexes, or the one that --index names."""
        return list(self.load().indexes.values())


def global_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --config --index --drop --public --state to the group, which keeps them for its command."""

    @functools.wraps(function)
    def wrapper(ctx: click.Context, /, **values: Any) -> Any:
        ctx.obj = {name: values.pop(name) for name in _NAMES}
        return ctx.invoke(function, **values)

    return _with_options(click.pass_context(wrapper), hidden=False)


def index_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the same to a command, which gets a `selection`; the group's help shows them for all."""

    @functools.wraps(function)
    def wrapper(ctx: click.Context, /, **values: Any) -> Any:
        own = {name: values.pop(name) for name in _NAMES}
        before = ctx.find_object(dict) or {}
        merged = {name: own[name] if own[name] is not None else before.get(name) for name in _NAMES}
        return ctx.invoke(function, selection=Selection(**merged), **values)

    return _with_options(click.pass_context(wrapper), hidden=True)


FOUND = "The configuration.  [default: $EGGWATCH_CONFIG, ./eggwatch.toml, /etc/eggwatch/eggwatch.toml]"


def _with_options(function: Callable[..., Any], *, hidden: bool) -> Callable[..., Any]:
    path = click.Path(path_type=Path)
    for option in (
        click.option(
            "--state", type=path, metavar="DIR", hidden=hidden, help="Ledger and catalog, without configuration."
        ),
        click.option(
            "--public", type=path, metavar="DIR", hidden=hidden, help="Published tree, without configuration."
        ),
        click.option("--drop", type=path, metavar="DIR", hidden=hidden, help="Drop folder, without configuration."),
        click.option("--index", metavar="NAME", hidden=hidden, help="One index of the configuration."),
        click.option("--config", type=path, metavar="FILE", hidden=hidden, help=FOUND),
    ):
        function = option(function)
    return function


def duration_option(text: str) -> float:
    """Seconds of a --timeout; `0` looks once."""
    return 0.0 if text == "0" else seconds_of("--timeout", text)


def seconds_of(option: str, text: str) -> float:
    """Seconds of an option; UsageError says what is wrong with it."""
    try:
        return duration(text)
    except ValueError as error:
        raise click.UsageError(f"{option} {text!r} {error}") from error
