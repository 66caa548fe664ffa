"""Drop-ins for the units, with the folders and the account of a configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import ConfigurationError
from eggwatch.linux.accounts import HTTP_FOLDER

NAME = "folders.conf"
ACCOUNT = "eggwatch"
HTTP_ACCOUNT = "eggwatch-http"
"""The account of the HTTP server, which is installed if [index.NAME.uploads] names it."""
BACKUPS = Path("/var/backups/eggwatch")
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
HIDDEN = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  # the units have their own: PrivateTmp
STATES = Path("/var/lib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A configuration, its unit, and its account."""

    file: Path
    indexes: tuple[IndexConfig, ...]
    account: str = ACCOUNT
    group: str = ACCOUNT

    @property
    def instance(self) -> str:
        """`team` for /etc/eggwatch/team.toml; empty for eggwatch.toml."""
        return "" if self.file.stem == "eggwatch" else self.file.stem

    def unit(self, name: str) -> str:
        """The name of a unit, or of its instance."""
        return f"{name}@{self.instance}.service" if self.instance else f"{name}.service"

    def of_http(self) -> Service | None:
        """The server for uploads over HTTP, and the indexes that it receives for; None where there are none."""
        named = [index for index in self.indexes if index.uploads and index.uploads.account == HTTP_ACCOUNT]
        if self.instance or not named:
            return None
        return replace(self, indexes=tuple(named), account=HTTP_ACCOUNT, group=HTTP_ACCOUNT)

    def drop_ins(self) -> dict[str, str]:
        """The text of each drop-in, by the unit it belongs to."""
        states, publics = ([getattr(index, name) for index in self.indexes] for name in ("state", "public"))
        drops = [index.drop for index in self.indexes]
        news = [state / "news" for state in states]
        hidden = ["InaccessiblePaths=", *(f"InaccessiblePaths=-{quoted(drop)}" for drop in drops)]
        # A missing drop folder (a disk that is not mounted) must not prevent the start; status reports it.
        metrics = [index.metrics.parent for index in self.indexes if index.metrics is not None]
        maybe = [f"-{quoted(folder)}" for folder in [*drops, *metrics]]
        units = {
            "eggwatch": self._text([*drops, *publics, *states], [*maybe, *map(quoted, [*publics, *states])]),
            "eggwatch-news": self._text([*publics, *states], map(quoted, news), hidden),
        }
        if not self.instance:
            units["eggwatch-verify"] = self._text([*publics, *states], map(quoted, states))
            units["eggwatch-backup"] = self._text([*publics, *states, BACKUPS], map(quoted, [*states, BACKUPS]))
        units = {name: text + self._account_and_state() for name, text in units.items()}
        if (server := self.of_http()) is not None:
            received = [f"-{quoted(index.drop / HTTP_FOLDER)}" for index in server.indexes]
            units["eggwatch-http"] = self._text([*drops, *publics, *states], received)
        return {self.unit(name): text for name, text in units.items()}

    def _account_and_state(self) -> str:
        # The unit has to create its state folder only if the configuration uses it.
        usual = STATES / f"eggwatch{'-' if self.instance else ''}{self.instance}"
        lines = [
            *([] if usual in [index.state for index in self.indexes] else ["StateDirectory="]),
            *([] if self.account == ACCOUNT else [f"User={self.account}", f"Group={self.group}"]),
        ]
        return "".join(f"{line}\n" for line in lines)

    def _text(self, needed: list[Path], writable: Iterable[str], more: Iterable[str] = ()) -> str:
        below = [folder for folder in needed if any(folder.is_relative_to(home) for home in HOMES)]
        lines = [
            f"# Made from {self.file} by 'eggwatch setup': run it again when folders have changed there.",
            "# Lines of your own: 'systemctl edit', which puts them in another file.",
            "[Unit]",
            f"RequiresMountsFor={' '.join(map(quoted, needed))}",
            "",
            "[Service]",
            "ReadWritePaths=",
            *(f"ReadWritePaths={path}" for path in writable),
            *more,
            *(["ProtectHome=tmpfs", *(f"BindPaths={quoted(folder)}" for folder in below)] if below else []),
        ]
        return "\n".join(lines) + "\n"


def refuse_hidden(indexes: Iterable[IndexConfig]) -> None:
    """Raises ConfigurationError for a folder in /tmp or another place that is private to each service."""
    for index in indexes:
        for folder in index.folders:
            if any(Path(os.path.realpath(folder)).is_relative_to(hidden) for hidden in HIDDEN):
                raise ConfigurationError(
                    f"{folder} is in {folder.parents[-2]}, where each service sees a folder of its own.",
                    remedy="Choose one elsewhere, such as /srv/drop.",
                )


def quoted(path: Path) -> str:
    """A path quoted for unit files and tmpfiles.d, where % and spaces are special."""
    text = str(path).replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    return f'"{text}"' if any(character in text for character in " \t\"'\\") else text
