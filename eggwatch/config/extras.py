"""Which extras of the package a configuration needs."""

from __future__ import annotations

from collections.abc import Iterable

from eggwatch.config.index_config import IndexConfig
from eggwatch.policy.subscriptions import Apprise
from eggwatch.policy.weighing import refuses_readmes


def modules_of_extras(indexes: Iterable[IndexConfig]) -> dict[str, str]:
    """The modules that these indexes need besides the program, by the extra that brings each."""
    modules = {}
    for index in indexes:
        if refuses_readmes(index.terms):
            modules["readme"] = "readme_renderer"
        if index.metrics is not None:
            modules["metrics"] = "prometheus_client"
        if index.uploads is not None and index.uploads.users is not None:
            modules["uploads"] = "passlib"
        if any(isinstance(one, Apprise) for one in index.subscriptions):
            modules["apprise"] = "apprise"
    return modules
