"""eggwatch.toml → a frozen Config; every wrong key and value is named at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from eggwatch.config.grammar import KeyPath, SeveralError, declared
from eggwatch.config.index_config import Config, IndexConfig
from eggwatch.config.news import NEWS
from eggwatch.config.overlaps import Owned, overlapping
from eggwatch.config.settings import FOLDERS, SETTINGS, TERMS, TIMES
from eggwatch.errors import ConfigurationError, NoIndexError
from eggwatch.model.counting import counted
from eggwatch.policy.settling import Patience
from eggwatch.policy.subscriptions import Mail, Subscription
from eggwatch.policy.terms import Terms

SYSTEM_FILE = Path("/etc/eggwatch/eggwatch.toml")
LOCAL_FILE = Path("eggwatch.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error in a configuration: its line (from 1; None if it is not in a single one), its place, and the error."""

    line: int | None
    where: str
    what: str

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return f"{place}{self.where}: {self.what}" if self.where else f"{place}{self.what}"


class WrongConfigurationError(ConfigurationError):
    """A configuration that could be read, and all errors in it."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        count = counted(len(problems), "place")
        super().__init__("\n  ".join([f"{in_full(path)} is wrong in {count}:", *map(str, problems)]))
        self.path, self.problems = path, problems


def load(path: Path) -> Config:
    """Read a configuration. ConfigurationError lists every error, with its line."""
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"{in_full(path)} can't be read: {error.strerror}.",
            remedy="Name one that this account may read with --config, or write one with 'eggwatch init'.",
        ) from error
    except (ValueError, RecursionError) as error:  # also a number of more digits than Python reads
        raise ConfigurationError(
            f"{in_full(path)} is not TOML: {error}.", remedy="https://toml.io has the grammar."
        ) from error
    reading = _ConfigReading(base=path.resolve().parent, lines=lines_of(text))
    indexes = reading.indexes(data)
    for (name, key), problem in overlapping(reading.folders):
        reading.wrong("", problem, "index", name, key)
    if reading.problems:
        raise WrongConfigurationError(path, sorted(reading.problems, key=lambda problem: problem.line or 1 << 30))
    return Config(indexes={index.name: index for index in indexes}, source=path)


@dataclass(slots=True, kw_only=True)
class _ConfigReading:
    """One reading of a configuration: `lines` has the line of each key, `problems` collects the errors."""

    base: Path
    lines: Mapping[tuple[str, ...], int]
    problems: list[Problem] = field(default_factory=list)
    folders: list[tuple[Owned, Path]] = field(default_factory=list)
    """All folders, also of indexes that have other errors."""

    def wrong(self, where: str, what: str, *path: str) -> None:
        """Add an error of the key at `path`, or of the table that contains it."""
        known = (self.lines.get(path[:length]) for length in range(len(path), 0, -1))
        line = next((number for number in known if number is not None), None)
        self.problems.append(Problem(line=line, where=where, what=what))

    def indexes(self, data: dict[str, Any]) -> list[IndexConfig]:
        """All indexes without errors."""
        for key in sorted(data.keys() - {"index"}):
            meant = "; did you mean index?" if get_close_matches(key, ["index"]) else ""
            self.wrong(key, f"unknown{meant or '; settings belong in [index.NAME]'}", key)
        tables = data.get("index", {})
        if not isinstance(tables, dict) or not tables:
            self.wrong("", "there is no [index.NAME]", "index")
            return []
        indexes = [self.index(name, table) for name, table in sorted(tables.items())]
        return [index for index in indexes if index is not None]

    def index(self, name: str, table: object) -> IndexConfig | None:
        """One index; None if its folders are not known."""
        where = f"[index.{name}]"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            self.wrong(where, "the name may have letters, digits, '.', '_' and '-' only", "index", name)
        if not isinstance(table, dict):
            self.wrong(where, "is not a table", "index", name)
            return None
        values: dict[str, Any] = {}
        for key, value in table.items():
            try:
                values[key] = declared(key, SETTINGS).read(value)
            except SeveralError as error:
                for inner, what in error.problems:
                    self.wrong(f"{where} {'.'.join((key, *inner))}", what, "index", name, key, *inner)
            except ValueError as error:
                said = f"{value!r} {error}" if key in SETTINGS else str(error)
                self.wrong(f"{where} {key}", said, "index", name, key)
        for key in FOLDERS:
            if key not in table:
                self.wrong(f"{where} {key}", "is missing", "index", name)
        if values.get("intake") == "mirror" and "uploads" in values:
            self.wrong(
                f"{where} uploads", "is not for a mirror: only its own files are published", "index", name, "uploads"
            )
        self.folders += [((name, key), self.base / values[key]) for key in FOLDERS if key in values]
        return _build(name, values, self.base) if values.keys() >= set(FOLDERS) else None


FILES = ("url_file", "secret_file", "token_file", "urls_file", "templates")
"""The fields of a subscription that are paths."""


def _build(name: str, values: dict[str, Any], base: Path) -> IndexConfig:
    folders = {key: base / values.pop(key) for key in FOLDERS}
    patience = {key.replace("-", "_"): values.pop(key) for key in TIMES if key in values}
    terms = {key.replace("-", "_"): values.pop(key) for key in TERMS if key in values}
    told = tuple(_placed(one, base) for key in NEWS for one in values.pop(key, ()))
    rest = {key.replace("-", "_"): value for key, value in values.items()}
    if "metrics" in rest:
        rest["metrics"] = base / rest["metrics"]
    if "uploads" in rest and rest["uploads"].users is not None:
        rest["uploads"] = replace(rest["uploads"], users=base / rest["uploads"].users)
    if (site := rest.get("site")) is not None:
        placed = {key: base / path for key in ("logo", "templates") if (path := getattr(site, key)) is not None}
        rest["site"] = replace(site, **placed)
    policies: dict[str, Any] = {"patience": Patience(**patience), "terms": Terms(**terms), "subscriptions": told}
    return IndexConfig(name=name, **folders, **policies, **rest)


def _placed(subscription: Subscription, base: Path) -> Subscription:
    """A subscription with absolute paths."""
    changes: dict[str, Any] = {
        item.name: str(base / value)
        for item in fields(subscription)
        if item.name in FILES and (value := getattr(subscription, item.name)) is not None
    }
    if isinstance(subscription, Mail) and subscription.server.password_file is not None:
        password = str(base / subscription.server.password_file)
        changes["server"] = replace(subscription.server, password_file=password)
    return replace(subscription, **changes)


def overlaps(indexes: list[IndexConfig]) -> list[str]:
    """Folders that are shared or nested, each as a sentence."""
    named = [((index.name, key), getattr(index, key)) for index in indexes for key in FOLDERS]
    return [problem for _, problem in overlapping(named)]


def from_folders(drop: Path, public: Path, state: Path, *, needed: Collection[str] = ()) -> Config:
    """A configuration of three folders only, made when missing; NoIndexError if one of the `needed` is not there.

    The paths are `in_full`.
    """
    if not all(folder.is_absolute() for folder in (drop, public, state)):
        raise ConfigurationError("The current folder has been deleted.", remedy="Change to another one.")
    index = IndexConfig(name="default", drop=drop, public=public, state=state, makes_folders=not needed)
    missing = [str(getattr(index, key)) for key in needed if not getattr(index, key).is_dir()]
    if missing:
        raise NoIndexError(
            f"No index here: there is no {', no '.join(missing)}.",
            remedy="Change --drop, --public and --state, or create an index there with 'eggwatch run'.",
        )
    problems = overlaps([index])
    if problems:
        raise ConfigurationError("; ".join(problems), remedy="Choose three folders beside each other.")
    return Config(indexes={index.name: index})


def find(explicit: Path | None, *, environment: Mapping[str, str], needed: Collection[str]) -> Config:
    """The configuration, in the search order of docs/contract.rst; raises NoIndexError if there is none.

    Without a file it is that of ./drop ./public ./state, if the `needed` ones of these exist.
    """
    candidates = [explicit, Path(environment["EGGWATCH_CONFIG"]) if environment.get("EGGWATCH_CONFIG") else None]
    for path in candidates:
        if path is not None:
            return load(path)
    # Also False if this account may not enter the current folder, as sudo keeps that of its caller.
    if os.path.lexists(LOCAL_FILE):
        return load(LOCAL_FILE)
    if _may_be_there(SYSTEM_FILE):
        return load(SYSTEM_FILE)
    if all(os.path.isdir(key) for key in needed):
        drop, public, state = (in_full(Path(key)) for key in FOLDERS)
        return from_folders(drop, public, state, needed=needed)
    raise NoIndexError(
        "No index here: no configuration was found, and no ./drop ./public ./state.",
        remedy="Use --config FILE, or create one with 'eggwatch init' or 'eggwatch run'.",
    )


def _may_be_there(path: Path) -> bool:
    """Whether a file exists; True also if this account cannot find out: reading it then reports the reason."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def in_full(path: Path) -> Path:
    """The absolute path, for error messages; unchanged if the current folder has been deleted."""
    try:
        return path.absolute()
    except FileNotFoundError:
        return path


def lines_of(text: str) -> dict[KeyPath, int]:
    """Line numbers, from 1, by the path of each table and key; `text` is valid TOML.

    A statement ends at the line where tomllib can parse the lines since the last one.
    """
    places: dict[KeyPath, int] = {}
    prefix: KeyPath = ()
    begun: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        begun.append(line)
        try:
            statement = tomllib.loads("\n".join(begun))
        except tomllib.TOMLDecodeError:
            continue
        paths = list(_paths(statement))
        first = number - len(begun) + 1
        if begun[0].lstrip().startswith("["):
            prefix = max(paths, key=len)
            for length in range(1, len(prefix) + 1):
                places.setdefault(prefix[:length], first)
        else:
            places.update({prefix + path: first for path in paths})
        begun = []
    return places


def _paths(value: Any, above: KeyPath = ()) -> list[KeyPath]:
    """The paths of all keys below a value; of a list of tables, those of the last."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        return _paths(value[-1], above)
    if not isinstance(value, dict):
        return []
    own = [(*above, key) for key in value]
    return own + [path for key, inner in value.items() for path in _paths(inner, (*above, key))]
