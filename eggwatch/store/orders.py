"""Orders: STATE/orders/<id>.json from the command line, <id>.answer.json back from the writer."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

from eggwatch.errors import FolderError, TimeoutReachedError
from eggwatch.store import durable
from eggwatch.store.accounts import run_as_owner
from eggwatch.store.durable import Permissions

UNREAD_SECONDS = 3600.0


class OrderBox:
    """The folder through which orders and answers pass."""

    def __init__(self, state: Path, permissions: Permissions = durable.OURS) -> None:
        self.folder = state / "orders"
        self._permissions = permissions

    def prepare(self) -> None:
        """Make the folder, and drop answers that nobody came for and what killed commands left half written."""
        durable.make_folders(self.folder, self._permissions)
        limit = time.time() - UNREAD_SECONDS
        for path in sorted([*self.folder.glob("*.answer.json"), *self.folder.glob(".*.new")]):
            if path.stat().st_mtime < limit:
                durable.unlink(path)

    def send(self, order: dict[str, Any]) -> str:
        """Leave an order; answers with its id. FolderError if this account may not."""
        number = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        try:
            durable.replace(self.folder / f"{number}.json", json.dumps(order).encode(), self._permissions)
        except OSError as error:
            raise FolderError(
                f"{self.folder} can't be written to: {error.strerror}.",
                remedy=run_as_owner(self.folder.parent),
            ) from error
        return number

    def pending(self) -> list[tuple[str, dict[str, Any]]]:
        """Orders without an answer, oldest first."""
        orders = []
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self.folder)):
                number, _, suffix = name.partition(".")
                if suffix == "json" and number:
                    with contextlib.suppress(FileNotFoundError):
                        orders.append((number, self._read(name)))
        return orders

    def _read(self, name: str) -> dict[str, Any]:
        try:
            data = json.loads((self.folder / name).read_bytes())
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}

    def answer(self, number: str, answer: dict[str, Any]) -> None:
        """Answer an order, which is done with."""
        durable.replace(self.folder / f"{number}.answer.json", json.dumps(answer).encode(), self._permissions)
        durable.unlink(self.folder / f"{number}.json")

    def wait(self, number: str, *, seconds: float) -> dict[str, Any]:
        """Wait for an answer and take it away. TimeoutReachedError when it does not come."""
        path, deadline = self.folder / f"{number}.answer.json", time.monotonic() + seconds
        while True:
            with contextlib.suppress(FileNotFoundError, ValueError):
                data: dict[str, Any] = json.loads(path.read_bytes())
                durable.unlink(path)
                return data
            if time.monotonic() >= deadline:
                raise TimeoutReachedError(
                    f"The daemon has not answered within {seconds:g} s.",
                    remedy="'eggwatch status' tells what it is doing; the order stays and will be carried out.",
                )
            time.sleep(0.02)
