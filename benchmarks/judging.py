"""How fast archives are judged, beside the bare loop that inflates, checks and hashes them, and beside tarfile.

    python benchmarks/judging.py [FOLDER]
    python benchmarks/judging.py --once FILE

FOLDER holds real archives; without it, or after it, a few generated ones are judged. The bare loop of a wheel is
"inflate + CRC + sha256 of the members", from a directory that was read before; that of an sdist is tarfile reading
every member. Each figure is the best of several rounds. --once tells CPU time and most memory of one inspection, of an
archive of any size.
"""

from __future__ import annotations

import hashlib
import io
import random
import resource
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from eggwatch.archives.inspecting import inspect
from eggwatch.model.verdicts import Level
from tests.archive_factory import sdist, wheel

ROUNDS = 3


def generated() -> Iterator[tuple[str, bytes]]:
    """Wheels and sdists of few large, and of many small members."""
    source = random.Random(1)
    words = [bytes(source.choices(b"abcdefgh \n", k=12)) for _ in range(2000)]
    shapes = {"many": (2000, 600), "usual": (120, 12_000 // 12), "large": (4, 300_000)}
    for name, (count, length) in shapes.items():
        files = {f"demo/{number}.py": b"".join(source.choices(words, k=length)) for number in range(count)}
        for build in (wheel, sdist):
            filename, data = build(name, files=files)
            yield filename, data


def bare_wheel(file: io.BytesIO) -> Callable[[], None]:
    """The loop over a zip whose directory has been read."""
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    places = [(info.header_offset, info.compress_size, info.compress_type, info.CRC) for info in infos]

    def loop() -> None:
        for offset, packed, method, crc in places:
            file.seek(offset)
            header = file.read(30)
            file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
            raw = file.read(packed)
            content = raw if method == zipfile.ZIP_STORED else zlib.decompress(raw, -15)
            assert zlib.crc32(content) == crc
            hashlib.sha256(content).digest()

    return loop


def bare_sdist(file: io.BytesIO) -> Callable[[], None]:
    """tarfile over every member."""

    def loop() -> None:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            for member in archive:
                if member.isreg():
                    extracted = archive.extractfile(member)
                    assert extracted is not None
                    extracted.read()

    return loop


def best(action: Callable[[], object]) -> float:
    """Seconds of CPU, the least of some rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def measure(filename: str, data: bytes) -> tuple[str, float] | None:
    """Print one line; returns the kind, and bare time divided by ours."""
    file = io.BytesIO(data)
    kind = "wheel" if filename.endswith(".whl") else "sdist"
    ours = best(lambda: inspect(file, filename))
    bare = best(bare_wheel(file) if kind == "wheel" else bare_sdist(file))
    refused = [flaw.code for flaw in inspect(file, filename).flaws if flaw.level is Level.REFUSE]
    print(
        f"{filename[:52]:52} {len(data) / 2**20:8.2f} MiB {ours * 1000:9.1f} ms {bare * 1000:9.1f} ms "
        f"{bare / ours:6.0%} {' '.join(refused)}"
    )
    return (kind, bare / ours) if not refused else None


def once(path: Path) -> None:
    """One inspection, from the file."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with path.open("rb", buffering=0) as file:
        found = inspect(file, path.name)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    size = path.stat().st_size / 2**20
    print(f"{path.name}: {size:.0f} MiB, {seconds:.1f} s of CPU time, {len(found.flaws)} flaws")
    print(f"most memory: {after.ru_maxrss >> 10} MiB, {before.ru_maxrss >> 10} MiB of them before")


def main() -> None:
    """Measure what the command line names, and what is generated."""
    if sys.argv[1:2] == ["--once"]:
        once(Path(sys.argv[2]))
        return
    print(f"{'archive':52} {'size':>12} {'judged':>12} {'bare':>12} bare/judged")
    folders = [Path(argument) for argument in sys.argv[1:]]
    real = [path for folder in folders for path in sorted(folder.iterdir()) if path.name.endswith((".whl", ".tar.gz"))]
    ratios = [measure(path.name, path.read_bytes()) for path in real]
    ratios += [measure(filename, data) for filename, data in generated()]
    for kind, against in (("wheel", "inflate + CRC + sha256"), ("sdist", "tarfile")):
        found = [ratio[1] for ratio in ratios if ratio is not None and ratio[0] == kind]
        if found:
            print(f"{kind}s: {min(found):.0%} to {max(found):.0%} of the speed of {against}")


if __name__ == "__main__":
    main()
