"""Small archives as projects make them: ten of a project, half wheels and half sdists, of some eight kilobytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.archive_factory import sdist, wheel

A_PROJECT = 10
WORDS = ("the", "value", "returns", "when", "caller", "passes", "optional", "data", "record", "index", "file", "order")
CLASSIFIERS = (
    "Development Status :: 4 - Beta",
    "Intended Audience :: Developers",
    "Operating System :: OS Independent",
    "Programming Language :: Python :: 3.11",
    "Programming Language :: Python :: 3.12",
    "Programming Language :: Python :: 3.13",
    "Topic :: Software Development :: Libraries",
    "Typing :: Typed",
)


def prose(source: random.Random, words: int) -> str:
    """So many words, in lines."""
    text = source.choices(WORDS, k=words)
    return "\n".join(" ".join(text[start : start + 12]) for start in range(0, words, 12))


def module(source: random.Random) -> bytes:
    """A few functions."""
    functions = (
        f'def function_{number}(value):\n    """{prose(source, 12)}."""\n    return value + {source.getrandbits(40)}\n'
        for number in range(source.randint(10, 80))
    )
    return "\n\n".join(functions).encode()


def headers(source: random.Random) -> str:
    """Metadata beyond what is needed, with a README of two to eight kilobytes."""
    lines = [f"Classifier: {one}\n" for one in CLASSIFIERS[: source.randint(3, len(CLASSIFIERS))]]
    lines += [
        f"Requires-Dist: stock-{source.randrange(4096):06}>=1.{number}\n" for number in range(source.randint(0, 8))
    ]
    readme = prose(source, source.randint(350, 1400))
    return f"{''.join(lines)}Description-Content-Type: text/markdown\n\n{readme}\n"


def small(number: int, *, stem: str = "stock") -> tuple[str, bytes]:
    """One archive as (filename, bytes): the same number gives the same bytes."""
    source = random.Random(number)
    project, version = f"{stem}-{number // A_PROJECT:06}", f"1.{number % A_PROJECT // 2}"
    files = {f"{project.replace('-', '_')}/module_{one}.py": module(source) for one in range(source.randint(2, 6))}
    build = wheel if number % 2 else sdist
    return build(project, version, requires_python=">=3.11", files=files, metadata_extra=headers(source))


def write_small(folder: Path, count: int, *, stem: str = "stock") -> None:
    """So many of them into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        name, data = small(number, stem=stem)
        (folder / name).write_bytes(data)


def uploads(projects: int, count: int) -> Iterator[tuple[str, str, bytes]]:
    """(project, filename, bytes) of archives that are uploaded one by one, wheels and sdists of a few projects."""
    for number in range(count):
        source, project, version = random.Random(-number), f"bench-{number % projects}", f"2.{number // projects}"
        files = {f"bench_{number % projects}/module.py": module(source)}
        build = wheel if number // projects % 2 else sdist
        yield project, *build(project, version, files=files, metadata_extra=headers(source))
