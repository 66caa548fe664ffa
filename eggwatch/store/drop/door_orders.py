"""Orders that came in over HTTP, from the upload door to the daemon: DROP/http/.orders/<number>.json.

The answers are STATE/orders/<number>.answer.json.
The door may write to its own folder alone, and the daemon may have no right to write there: it only reads. The door
is believed who has logged in; what that user may do is judged where the order is carried out.
"""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

from eggwatch.errors import FolderError
from eggwatch.linux.accounts import HTTP_FOLDER, USER, Traces, is_of_door
from eggwatch.store import durable
from eggwatch.store.drop.folder import Drop, open_regular
from eggwatch.store.durable import Permissions, Place
from eggwatch.store.state.orders import PendingOrder, parsed, read_awaited

ORDERS_FOLDER = ".orders"
"""In the folder of the door; the daemon looks for no uploads in a folder with such a name."""
SUFFIX = ".json"
_NAME = re.compile(r"(http-[0-9a-f-]{1,40})\.json")
"""How the door calls an order. Answers to commands on this machine lie in the same folder, under other names."""
FROM_AFAR = ("yank", "unyank", "remove")

log = logging.getLogger("eggwatch")


class DoorOrders:
    """The orders of one index that its upload door has left; `account` is the door's (None: our own)."""

    def __init__(self, drop: Drop, account: str | None, answers: Path, permissions: Permissions) -> None:
        self._drop, self._account, self._answers, self._permissions = drop, account, answers, permissions
        self._seen: set[str] = set()
        self._trouble = ""

    def pending(self) -> list[PendingOrder]:
        """What the door waits for and this process has not begun, by age; answers that were taken are cleared."""
        numbers = self._numbers()
        if numbers is None:
            return []
        for number in self._seen - set(numbers):
            durable.unlink(self._answer(number))
        self._seen &= set(numbers)
        orders = (self._look(number) for number in numbers if number not in self._seen)
        return [order for order in orders if order is not None]

    def _numbers(self) -> list[str] | None:
        """The orders that lie there; None if that can't be seen at the moment."""
        try:
            with self._drop.place(f"{HTTP_FOLDER}/{ORDERS_FOLDER}/") as place:
                names = os.listdir(place.folder)
        except FileNotFoundError:
            return []
        except FolderError:  # every scan says so
            return None
        except OSError as error:
            if str(error) != self._trouble:
                log.warning("orders   %s/%s can't be read: %s", HTTP_FOLDER, ORDERS_FOLDER, error)
            self._trouble = str(error)
            return None
        return sorted(match[1] for name in names if (match := _NAME.fullmatch(name)))

    def _look(self, number: str) -> PendingOrder | None:
        try:
            with self._drop.place(f"{HTTP_FOLDER}/{ORDERS_FOLDER}/{number}{SUFFIX}") as place:
                text = self._believed(place)
        except FileNotFoundError:
            return None
        except (OSError, FolderError) as error:
            self._seen.add(number)
            log.warning("orders   %s/%s/%s: ignored (%s)", HTTP_FOLDER, ORDERS_FOLDER, number, error)
            return None
        return None if text is None else PendingOrder(number=number, data=_order(parsed(text)))

    def _believed(self, place: Place) -> bytes | None:
        """The text of an order that the door waits for. PermissionError if it may not be the door's."""
        fd = open_regular(place)
        try:
            file = os.fstat(fd)
            folders = os.stat("..", dir_fd=place.folder), os.fstat(place.folder)
            if file.st_nlink != 1 or not is_of_door(self._account, Traces(file=file, folders=folders)):
                raise PermissionError("it does not belong to the account of the upload door alone")
            return read_awaited(fd)
        finally:
            os.close(fd)

    def begin(self, order: PendingOrder, *, serial: int) -> bool:
        """Note that an order is being carried out. After a crash it is carried out again, which changes nothing."""
        self._seen.add(order.number)
        return True

    def answer(self, number: str, answer: dict[str, Any]) -> None:
        """Answer an order that was begun."""
        durable.replace(self._answer(number), json.dumps(answer).encode(), self._permissions)

    def _answer(self, number: str) -> Path:
        return self._answers / f"{number}.answer.json"


def _order(given: dict[str, Any]) -> dict[str, Any]:
    """An order by its user, who can neither block nor delete at once."""
    verb, user = given.get("verb"), str(given.get("user"))
    told = {key: given.get(key) for key in ("spec", "reason", "dry_run")}
    is_sound = verb in FROM_AFAR and USER.fullmatch(user) is not None
    return {**told, "verb": verb if is_sound else None, "user": user, "actor": user}
