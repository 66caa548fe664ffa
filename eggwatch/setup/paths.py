"""The paths of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MANUAL = "share/man/man1/eggwatch.1"
COMPLETIONS = {
    "bash": "usr/local/share/bash-completion/completions/eggwatch",
    "zsh": "usr/local/share/zsh/site-functions/_eggwatch",
    "fish": "etc/fish/completions/eggwatch.fish",  # below /usr/local fish looks only where XDG_DATA_DIRS says so
}
"""The path of each shell's completion file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths that an installation consists of, below `root`."""

    root: Path = Path("/")

    @property
    def home(self) -> Path:
        """The folder of the program, with all versions."""
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
        """The program of the current version, which the units run."""
        return self.home / "bin/eggwatch"

    @property
    def command(self) -> Path:
        """`eggwatch` in PATH, also under sudo."""
        return self.root / "usr/local/bin/eggwatch"

    def completion_in(self, home: Path, shell: str) -> Path:
        """The folder of a version for its completion files."""
        return home / "share/eggwatch/completions" / shell

    @property
    def shared(self) -> dict[Path, Path]:
        """The links for man and the shells, and the files of the current version that they point to."""
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
        """The folder of locally installed units."""
        return self.root / "etc/systemd/system"

    @property
    def accounts(self) -> Path:
        """The account, for systemd-sysusers."""
        return self.root / "etc/sysusers.d/eggwatch.conf"

    @property
    def http_accounts(self) -> Path:
        """The account of the HTTP server, for systemd-sysusers."""
        return self.accounts.with_name("eggwatch-http.conf")

    @property
    def catalog(self) -> Path:
        """The explanations that `journalctl -x` shows."""
        return self.root / "usr/local/lib/systemd/catalog/eggwatch.catalog"
