"""A project as a folder, with what every client needs to upload it: its sdist, pyproject.toml and setup.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.archive_factory import normalized, sdist

PYPROJECT = """
[build-system]
requires = ["flit_core>=3.12,<5"]
build-backend = "flit_core.buildapi"

[project]
name = "{name}"
version = "{version}"
description = "The {name} project"
requires-python = ">=3.9"
dependencies = {requires}
"""
"""flit always builds what it uploads; the others upload what lies in dist/."""

SETUP = """
import os
if os.environ.get("WITH") == "setuptools":
    from setuptools import Distribution, setup
else:
    from distutils.core import Distribution, setup

class Built(Distribution):
    def __init__(self, attrs=None):
        Distribution.__init__(self, attrs)
        self.dist_files = [("sdist", "", "dist/{file}")]

setup(distclass=Built, name="{name}", version="{version}", description="The {name} project")
"""
"""`sdist` before `upload` would build it, with the time of day in it: never the same bytes twice."""


def write_project(
    folder: Path, name: str, *, version: str = "1.0", code: str = "", requires: Sequence[str] = ()
) -> str:
    """Write a project whose module is `code`; the name of its sdist."""
    module = normalized(name)
    extra = "".join(f"Requires-Dist: {one}\n" for one in requires)
    file, data = sdist(name, version, files={f"{module}.py": code.encode()}, metadata_extra=extra)
    (folder / "dist").mkdir(parents=True, exist_ok=True)
    (folder / "dist" / file).write_bytes(data)
    (folder / f"{module}.py").write_text(f'"""The module."""\n{code}')
    (folder / "pyproject.toml").write_text(PYPROJECT.format(name=name, version=version, requires=list(requires)))
    (folder / "setup.py").write_text(SETUP.format(name=name, version=version, file=file))
    return file
