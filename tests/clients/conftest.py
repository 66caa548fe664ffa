"""One tree, one start of each server, and the clients, each installed once."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.installers import Client, install_pip
from tests.clients.servers import Server, all_servers
from tests.clients.tree import publish
from tests.contrib.older_indexes import install
from tests.contrib.web_servers import folder_for
from tests.laws.at_work import quick_folder
from tests.once import once_a_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all tests here share. `base` has the index's folders."""

    base: Path
    servers: dict[str, Server]
    factory: pytest.TempPathFactory

    def programs(self, client: Client) -> Path:
        """Where its packages are."""
        if not client.name.startswith("pip "):
            return self.environment(client.installs)
        return self._made(client.installs, lambda folder: install_pip(client.installs, folder))

    def environment(self, packages: str) -> Path:
        """A virtual environment with these packages."""
        return self._made(packages, lambda folder: install(packages, folder))

    def _made(self, packages: str, make: Callable[[Path], None]) -> Path:
        name = re.sub(r"\W+", "-", packages)
        return once_a_run(self.factory, name, make) if name else Path("/")


def _make(folder: Path) -> None:
    with quick_folder() as memory:  # thousands of uploads are synced there in no time
        publish(memory / "index")
        shutil.copytree(memory / "index", folder / "index", symlinks=True)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The tree is made once a run; each process has its own servers, which can't come through pytest's folders."""
    made = once_a_run(tmp_path_factory, "clients-tree", _make)
    with folder_for("clients") as folder:
        shutil.copytree(made / "index", folder / "index", symlinks=True, copy_function=os.link)
        with all_servers(folder / "index") as servers:
            yield Bench(base=folder / "index", servers=servers, factory=tmp_path_factory)
