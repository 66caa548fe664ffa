"""In which line of a TOML text each key stands; tomllib tells only of what it can't read."""

from __future__ import annotations

import tomllib
from typing import Any

KeyPath = tuple[str, ...]


def lines_of(text: str) -> dict[KeyPath, int]:
    """Line numbers, from 1, by the path of each table and key; `text` is valid TOML.

    A statement ends where tomllib takes the lines since the last one for a whole.
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
    """The paths of all keys below a value; of a list of tables those of its last."""
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        return _paths(value[-1], above)
    if not isinstance(value, dict):
        return []
    own = [(*above, key) for key in value]
    return own + [path for key, inner in value.items() for path in _paths(inner, (*above, key))]
