"""The paths of an installation."""

from __future__ import annotations

from pathlib import Path

MANUAL = "share/man/man1/eggwatch.1"
COMPLETIONS = {
    "bash": "usr/local/share/bash-completion/completions/eggwatch",
    "zsh": "usr/local/share/zsh/site-functions/_eggwatch",
    "fish": "etc/fish/completions/eggwatch.fish",  # below /usr/local fish looks only where XDG_DATA_DIRS says so
}
"""The path of each shell's completion file."""


class Places:
    """The paths that an installation consists of, below `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.home = root / "opt/eggwatch"
        """The folder of the program, with all versions."""
        self.versions = self.home / "versions"
        """A virtual environment for each version that is kept."""
        self.current = self.home / "current"
        """A link to the version that is used."""
        self.previous = self.home / "previous"
        """A link to the version that was used before."""
        self.program = self.home / "bin/eggwatch"
        """The program of the current version, which the units run."""
        self.command = root / "usr/local/bin/eggwatch"
        """`eggwatch` in PATH, also under sudo."""
        self.configurations = root / "etc/eggwatch"
        """eggwatch.toml, and NAME.toml of each eggwatch@NAME.service."""
        self.configuration = self.configurations / "eggwatch.toml"
        """The file that eggwatch.service uses."""
        self.units = root / "etc/systemd/system"
        """The folder of locally installed units."""
        self.accounts = root / "etc/sysusers.d/eggwatch.conf"
        """The account, for systemd-sysusers."""
        self.http_accounts = self.accounts.with_name("eggwatch-http.conf")
        """The account of the HTTP server, likewise."""
        self.catalog = root / "usr/local/lib/systemd/catalog/eggwatch.catalog"
        """The explanations that `journalctl -x` shows."""
        completions = {root / path: completion_in(self.current, shell) for shell, path in COMPLETIONS.items()}
        self.shared = {root / "usr/local" / MANUAL: self.current / MANUAL, **completions}
        """The links for man and the shells, and the files of the current version that they point to."""


def completion_in(home: Path, shell: str) -> Path:
    """The completion file of a shell in the folder of a version."""
    return home / "share/eggwatch/completions" / shell
