"""Where everything belongs on the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MANUAL = "share/man/man1/eggwatch.1"
COMPLETIONS = {
    "bash": "usr/local/share/bash-completion/completions/eggwatch",
    "zsh": "usr/local/share/zsh/site-functions/_eggwatch",
    "fish": "etc/fish/completions/eggwatch.fish",  # below /usr/local fish looks only where XDG_DATA_DIRS says so
}
"""Where each shell looks for the completions of a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths that an installation consists of, below `root`."""

    root: Path = Path("/")

    @property
    def home(self) -> Path:
        """The program, all versions of it."""
        return self.root / "opt/eggwatch"

    @property
    def versions(self) -> Path:
        """A virtual environment for each version that is kept."""
        return self.home / "versions"

    @property
    def current(self) -> Path:
        """A link to the version that is used."""
        return self.home / "current"

    @property
    def previous(self) -> Path:
        """A link to the version that was used before."""
        return self.home / "previous"

    @property
    def program(self) -> Path:
        """A link to the current version's; units name it."""
        return self.home / "bin/eggwatch"

    @property
    def command(self) -> Path:
        """`eggwatch` for everybody, also behind sudo."""
        return self.root / "usr/local/bin/eggwatch"

    def completion_in(self, home: Path, shell: str) -> Path:
        """Where a version keeps what it writes for a shell."""
        return home / "share/eggwatch/completions" / shell

    @property
    def shared(self) -> dict[Path, Path]:
        """Where man and the shells look for what the current version brings them, and where that is."""
        completions = {self.root / path: self.completion_in(self.current, shell) for shell, path in COMPLETIONS.items()}
        return {self.root / "usr/local" / MANUAL: self.current / MANUAL, **completions}

    @property
    def configurations(self) -> Path:
        """eggwatch.toml, and NAME.toml of each eggwatch@NAME.service."""
        return self.root / "etc/eggwatch"

    @property
    def configuration(self) -> Path:
        """The files that eggwatch.service uses."""
        return self.configurations / "eggwatch.toml"

    @property
    def units(self) -> Path:
        """Units that an administrator has installed."""
        return self.root / "etc/systemd/system"

    @property
    def accounts(self) -> Path:
        """For systemd-sysusers."""
        return self.root / "etc/sysusers.d/eggwatch.conf"

    @property
    def http_accounts(self) -> Path:
        """The same, of the server for uploads."""
        return self.accounts.with_name("eggwatch-http.conf")

    @property
    def catalog(self) -> Path:
        """What `journalctl -x` says more."""
        return self.root / "usr/local/lib/systemd/catalog/eggwatch.catalog"
