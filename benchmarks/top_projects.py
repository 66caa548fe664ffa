"""The newest wheels and sdists of the 100 most downloaded projects, judged by both profiles.

    python benchmarks/top_projects.py FOLDER [--index URL]… [--kinds wheel sdist] [--projects NAME…]

What is not in FOLDER yet is fetched into it: wheels by `pip download`, sdists by pypi-simple, since pip would run
their build to learn their metadata. Without --index the indexes are those that pip is configured with; an index may be
a file:// URL. Archives of the same project and kind that lie in FOLDER already are taken as they are. The result is
printed as reStructuredText: what passes, and the reason of each that does not. The names are in top_projects.txt, in
the order of their downloads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from packaging.version import Version
from pypi_simple import PYPI_SIMPLE_ENDPOINT, DistributionPackage, NoSuchProjectError, ProjectPage, PyPISimple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from eggwatch.model.names import Filename, Kind, parse_filename  # noqa: E402

NAMES = tuple((Path(__file__).parent / "top_projects.txt").read_text().split())
PROFILES = ("default", "pypi")


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """What the profiles say of one archive: codes of refusal by profile, and each flaw's text by code."""

    refused: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def pip(*arguments: str) -> str | None:
    """What pip prints; None if it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def configured_indexes() -> list[str]:
    """The indexes that pip would ask, by its configuration."""
    main = (pip("config", "get", "global.index-url") or PYPI_SIMPLE_ENDPOINT).strip()
    return [main, *(pip("config", "get", "global.extra-index-url") or "").split()]


def fetch_wheel(project: str, folder: Path, indexes: Sequence[str]) -> None:
    """Let pip choose a wheel for this machine; nothing happens if there is none."""
    extra = [argument for index in indexes[1:] for argument in ("--extra-index-url", index)]
    where = ["--index-url", indexes[0], *extra, "--dest", str(folder)]
    pip("download", "--quiet", "--no-deps", "--only-binary", ":all:", *where, project)


def fetch_sdist(project: str, folder: Path, indexes: Sequence[str]) -> None:
    """Copy the newest sdist without opening it; nothing happens if there is none."""
    found = [package for index in indexes for package in packages(project, index) if is_newest_candidate(package)]
    best = max(found, key=lambda package: Version(package.version or "0"), default=None)
    if best is None:
        return
    if best.url.startswith("file:"):
        with urlopen(best.url) as response:
            (folder / best.filename).write_bytes(response.read())
        return
    with PyPISimple() as client:
        client.download_package(best, folder / best.filename)


def packages(project: str, index: str) -> list[DistributionPackage]:
    """All files of a project in an index."""
    base = f"{index.rstrip('/')}/{project}/"
    if index.startswith("file:"):
        try:
            with urlopen(f"{base}index.html") as response:
                return ProjectPage.from_html(project, response.read(), base).packages
        except OSError:
            return []
    with PyPISimple(index) as client:
        try:
            return client.get_project_page(project).packages
        except NoSuchProjectError:
            return []


def is_newest_candidate(package: DistributionPackage) -> bool:
    """Whether it is an sdist of a final release that was not taken back."""
    if package.package_type != "sdist" or package.is_yanked or not package.filename.endswith(".tar.gz"):
        return False
    parsed = parse_filename(package.filename)
    return isinstance(parsed, Filename) and not parsed.version.is_prerelease


def archives_in(folder: Path) -> dict[tuple[str, Kind], Path]:
    """The newest archive of each project and kind."""
    found: dict[tuple[str, Kind], tuple[Version, Path]] = {}
    for path in sorted(folder.iterdir()):
        parsed = parse_filename(path.name)
        if isinstance(parsed, Filename):
            key = (parsed.project, parsed.kind)
            found[key] = max(found.get(key, (parsed.version, path)), (parsed.version, path))
    return {key: path for key, (_, path) in found.items()}


def judged(paths: Iterable[Path]) -> dict[str, Verdicts]:
    """What `eggwatch check` says of each archive, by filename."""
    verdicts: dict[str, Verdicts] = {}
    files = [str(path) for path in paths]
    for profile in PROFILES:
        command = [sys.executable, "-m", "eggwatch", "check", "--json", "--profile", profile, *files]
        lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
        assert len(lines) == len(files), "eggwatch check did not say something of every file"
        for line in lines:
            row = json.loads(line)
            one = verdicts.setdefault(Path(row["file"]).name, Verdicts())
            one.texts |= {flaw["code"]: f"{flaw['subject']}: {flaw['message']}" for flaw in reversed(row["flaws"])}
            codes = (flaw["code"] for flaw in row["flaws"] if flaw["level"] == "refuse")
            one.refused[profile] = list(dict.fromkeys(codes))
    return verdicts


def table(names: Sequence[str], had: dict[tuple[str, Kind], Path], verdicts: dict[str, Verdicts]) -> Iterator[str]:
    """One row an archive: what each profile says of it."""
    yield from (".. list-table::", "   :header-rows: 1", "", "   * - archive", *(f"     - {p}" for p in PROFILES))
    for name in names:
        for kind in (Kind.WHEEL, Kind.SDIST):
            if (name, kind) in had:
                file = had[name, kind].name
                yield f"   * - {file}"
                yield from (f"     - {' '.join(verdicts[file].refused[profile]) or 'passes'}" for profile in PROFILES)


def summary(names: Sequence[str], had: dict[tuple[str, Kind], Path], verdicts: dict[str, Verdicts]) -> Iterator[str]:
    """How many pass, the reason for each that does not, and what could not be had."""
    for kind in (Kind.WHEEL, Kind.SDIST):
        files = [had[name, kind].name for name in names if (name, kind) in had]
        missing = [name for name in names if (name, kind) not in had]
        for profile in PROFILES:
            passing = sum(not verdicts[file].refused[profile] for file in files)
            yield f"* {kind}s, profile {profile}: {passing} of {len(files)} pass"
        if missing:
            yield f"* {kind}s not had ({len(missing)}): {', '.join(missing)}"
    yield ""
    for file, one in sorted(verdicts.items()):
        codes = list(dict.fromkeys(code for profile in PROFILES for code in one.refused[profile]))
        yield from (f"{file}: {code}: {one.texts[code]}" for code in codes)


def main() -> None:
    """Fetch what is missing, judge all, print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--index", action="append", default=[], metavar="URL")
    parser.add_argument("--kinds", nargs="*", choices=[str(kind) for kind in Kind], default=[str(k) for k in Kind])
    parser.add_argument("--projects", nargs="+", default=NAMES, metavar="NAME", help="fetch for these only")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    indexes = options.index or configured_indexes()
    for kind, fetch in ((Kind.WHEEL, fetch_wheel), (Kind.SDIST, fetch_sdist)):
        for project in options.projects if str(kind) in options.kinds else ():
            if (project, kind) not in archives_in(options.folder):
                fetch(project, options.folder, indexes)
    had = {key: path for key, path in archives_in(options.folder).items() if key[0] in NAMES}
    verdicts = judged(had.values())
    print("\n".join([*table(NAMES, had, verdicts), "", *summary(NAMES, had, verdicts)]))


if __name__ == "__main__":
    main()
