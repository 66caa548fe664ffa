"""Reads the configuration files of compoze: where archives come from and go to, and which versions are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as SyntaxFault
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from eggwatch.errors import ConfigurationError, in_words

GLOBAL = ("global", "globals")
"""Its documentation says the one, its program reads the other."""
VERSIONS = "versions"
WITHOUT_USE = frozenset({"verbose", "keep-tempdir", "include-binary-eggs", "use-versions", "versions-section"})
"""What chose how compoze worked: sdists or eggs, and whether it read the versions, which are always read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompozeConfig:
    """What several files say together; the later ones override the earlier."""

    path: str | None = None
    site_packages: bool = False
    requirements: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    """Options of pip."""


class _Parser(ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        """Names of projects as they are written."""
        return optionstr


def read_config(files: Sequence[Path]) -> CompozeConfig:
    """What these files say; ConfigurationError names the file and what is wrong."""
    settings: dict[str, str] = {}
    versions: dict[str, str] = {}
    for file in files:
        parser = _parsed(file)
        if not any(parser.has_section(name) for name in (*GLOBAL, VERSIONS)):
            raise ConfigurationError(f"{file} has neither [global] nor [versions]: it is no configuration of compoze.")
        for name in GLOBAL:
            settings |= _settings(file, dict(parser[name]) if parser.has_section(name) else {})
        versions |= dict(parser[VERSIONS]) if parser.has_section(VERSIONS) else {}
    return CompozeConfig(
        path=settings.get("path"),
        site_packages=ConfigParser.BOOLEAN_STATES.get(settings.get("fetch-site-packages", "no").lower(), False),
        requirements=tuple(_requirement(name, said) for name, said in versions.items()),
        indexes=tuple(_indexes(settings)),
    )


def _parsed(file: Path) -> ConfigParser:
    parser = _Parser(interpolation=None)
    try:
        parser.read_string(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError, SyntaxFault) as error:
        raise ConfigurationError(f"{file} can't be read as a configuration of compoze: {in_words(error)}") from error
    return parser


def _settings(file: Path, settings: Mapping[str, str]) -> Mapping[str, str]:
    known = {"path", "index-url", "find-links", "fetch-site-packages"}
    if unknown := sorted(settings.keys() - known - WITHOUT_USE):
        raise ConfigurationError(f"{file}: compoze has no setting {unknown[0]!r}.", remedy="Correct or delete it.")
    said = settings.get("fetch-site-packages", "no")
    if said.lower() not in ConfigParser.BOOLEAN_STATES:
        raise ConfigurationError(f"{file}: fetch-site-packages is {said!r}.", remedy="Write true or false.")
    return settings


def _requirement(name: str, said: str) -> str:
    """`name|extra = 1.2` or `name = >=1,<2` as a requirement (PEP 508)."""
    project, bar, extras = name.partition("|")
    wanted = f"{project}[{extras}]" if bar else project
    requirement = f"{wanted} {said}" if set(said) & set("<=>") else f"{wanted} == {said}"
    try:
        Requirement(requirement)
    except InvalidRequirement as error:
        raise ConfigurationError(f"[versions] {name} = {said}: this is no requirement.", remedy=str(error)) from error
    return requirement


def _indexes(settings: Mapping[str, str]) -> Iterator[str]:
    for number, url in enumerate(settings.get("index-url", "").split()):
        yield from ("--extra-index-url" if number else "--index-url", url)
    for place in settings.get("find-links", "").split():
        yield from ("--find-links", place)
