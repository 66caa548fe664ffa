"""Whatever the bytes: no exception, bounded answers, and agreement with zipfile and tarfile on what is admitted."""

from __future__ import annotations

import io
import tarfile
import zipfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eggwatch.archives.findings import Findings
from eggwatch.archives.tar.gzip_stream import GzipStream
from eggwatch.archives.tar.walk import FOLDER, REGULAR, ByteStream, TarWalk
from eggwatch.archives.zip.directory import read_directory
from eggwatch.archives.zip.walk import read_members
from eggwatch.model.archives import Inspection
from tests.archive_factory import MARKER, sdist, targz_of, wheel, zip_of
from tests.archives.judging import SDIST, WHEEL, judge, refusals, targz
from tests.archives.tar.test_sdist import SOUND as SOUND_SDISTS
from tests.archives.wheel.test_wheel import SOUND as SOUND_WHEELS

SMALL_SDISTS = [data for data in SOUND_SDISTS.values() if len(data) < 5000]
SMALL_WHEELS = [data for data in SOUND_WHEELS.values() if len(data) < 5000]
RAW_TARS = [b"".join(GzipStream(io.BytesIO(data), len(data), Findings())) for data in SMALL_SDISTS]

many = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the seeds with some bytes changed, cut out, doubled or put in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 2, 4, 40, 512, 600]))
        piece = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from([b"", bytes(512), b"\xff\xff\xff\xff", b"PK\x05\x06", b"PK\x01\x02", b"../"]),
                st.just(bytes(data[at : at + 2 * length])),
            )
        )
        data[at : at + length] = piece
    return bytes(data)


def check_answer(inspection: Inspection) -> None:
    """What holds for every answer."""
    assert len(inspection.flaws) <= 52
    assert ("incomplete" in refusals(inspection)) == (inspection.incomplete is not None)
    for flaw in inspection.flaws:
        assert flaw.subject.isprintable() and len(flaw.subject) <= 201
        assert flaw.message.isprintable() and len(flaw.message) < 1500
    if not refusals(inspection):
        assert inspection.core is not None and inspection.metadata is not None


def agree_with_zipfile(data: bytes) -> None:
    """The same names and bytes as zipfile reads, from our own walk."""
    findings = Findings()
    directory = read_directory(io.BytesIO(data), len(data), findings)
    assert directory is not None
    ours = read_members(io.BytesIO(data), len(data), directory, lambda member: True, findings).kept
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        theirs = {name: archive.read(name) for name in archive.namelist()}
        assert len(theirs) == len(archive.namelist()) == len(directory.members)
    assert ours == theirs
    assert findings.flaws == []


def agree_with_tarfile(data: bytes) -> None:
    """The same names, types, targets and bytes as tarfile reads, from our own walk."""
    stream = GzipStream(io.BytesIO(data), len(data), Findings())
    ours = list(TarWalk(ByteStream(iter(stream)), lambda name, size: True))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        theirs = archive.getmembers()
        assert [member.name.rstrip("/") for member in ours] == [member.name for member in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            assert (mine.kind in REGULAR, mine.kind == FOLDER) == (other.isreg(), other.isdir())
            assert mine.target == other.linkname or mine.kind in REGULAR
            content = archive.extractfile(other) if other.isreg() else None
            assert mine.content == (None if content is None else content.read())


def test_zipfile_agrees_on_all_sound_wheels() -> None:
    """What we hand to pkginfo is what an installer will read."""
    for data in SOUND_WHEELS.values():
        agree_with_zipfile(data)


def test_tarfile_agrees_on_all_sound_sdists() -> None:
    """What we hand to pkginfo is what an installer will read."""
    for data in SOUND_SDISTS.values():
        agree_with_tarfile(data)


@many
@given(data=mutated(SMALL_WHEELS))
def test_a_mutated_wheel_is_answered(data: bytes) -> None:
    """No mutation raises, and one that is admitted reads the same everywhere."""
    inspection = judge(WHEEL, data)
    check_answer(inspection)
    if not refusals(inspection):
        agree_with_zipfile(data)


@many
@given(data=mutated(SMALL_SDISTS))
def test_a_mutated_gzip_is_answered(data: bytes) -> None:
    """No mutation of the compressed bytes raises."""
    inspection = judge(SDIST, data)
    check_answer(inspection)
    if not refusals(inspection):
        agree_with_tarfile(data)


@many
@given(raw=mutated(RAW_TARS))
def test_a_mutated_tar_is_answered(raw: bytes) -> None:
    """No mutation of the tar in a sound gzip raises, and one that is admitted reads the same everywhere."""
    data = targz(raw, closing=b"")
    inspection = judge(SDIST, data)
    check_answer(inspection)
    if not refusals(inspection):
        agree_with_tarfile(data)


@many
@given(data=st.binary(max_size=2000), head=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00"]))
def test_random_bytes_are_answered(data: bytes, head: bytes) -> None:
    """Neither noise, nor noise behind a true first signature raises, nor is it ever admitted."""
    for name in (WHEEL, SDIST, "noise", "demo-1.0 (1).whl", "\udcff.tar.gz"):
        inspection = judge(name, head + data)
        check_answer(inspection)
        assert refusals(inspection)


@many
@given(content=st.one_of(st.binary(max_size=500), mutated([b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n"])))
def test_any_metadata_is_answered(content: bytes) -> None:
    """No METADATA and no PKG-INFO raises, whatever is in it."""
    check_answer(judge(WHEEL, zip_of({"demo-1.0.dist-info/METADATA": content})))
    check_answer(judge(SDIST, targz_of({"demo-1.0/PKG-INFO": content})))


def test_uploaded_code_was_never_run() -> None:
    """Law 6: neither setup.py nor the package leaves its mark."""
    for build in (wheel, sdist):
        assert judge(*build()).flaws == ()
    assert not MARKER.exists()
