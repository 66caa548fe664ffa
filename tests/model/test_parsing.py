"""Parsers of other projects: what they raise over foreign text is an answer, and never an error of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import eggwatch
from eggwatch.model.parsing import parsed

PACKAGE = Path(eggwatch.__file__).parent
PARSERS = {"Version", "SpecifierSet", "Requirement", "parse_tag", "urlsplit", "parse_email", "getaddresses"}
"""What raises over foreign text; the last one is called by a function that is a parser itself."""
OF_A_PARSER = {"_is_of_the_web", "_apart", "_addresses", "_of_mail"}
"""Functions that `parsed` calls."""


@pytest.mark.parametrize("error", [ValueError, IndexError, RecursionError, AssertionError, LookupError])
def test_whatever_a_parser_raises_the_text_is_not_to_be_read(error: type[Exception]) -> None:
    """Not only the exception that it is known for."""

    def parser(text: str) -> str:
        raise error(text)

    assert parsed(parser, "text") is None


def test_a_lack_of_memory_is_no_answer() -> None:
    """It says nothing about the text."""

    def parser(text: str) -> str:
        raise MemoryError

    with pytest.raises(MemoryError):
        parsed(parser, "text")


def _calls() -> Iterator[tuple[str, str]]:
    """(file, function called) for each call of a parser with a text that may be foreign."""
    for path in [*(PACKAGE / "archives").glob("*.py"), *(PACKAGE / "model").glob("*.py")]:
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef) or function.name in OF_A_PARSER:
                continue
            for node in ast.walk(function):
                name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
                if name in PARSERS and not all(isinstance(argument, ast.Constant) for argument in node.args):
                    yield path.name, name


def test_every_call_of_a_parser_is_guarded() -> None:
    """They are handed to `parsed`; releases.py sorts versions that were parsed before."""
    assert {call for call in _calls() if call[0] != "releases.py"} == set()
