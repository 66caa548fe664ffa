"""Uploads that only the index can refuse, each a dict: what is known of one, the terms, and what its twin says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eggwatch.model.archives import CoreMetadata, Inspection
from eggwatch.model.names import parse_filename
from eggwatch.policy.admission import Block, Holding, Upload
from eggwatch.policy.ownership import Publisher
from eggwatch.policy.terms import Terms

SHA256 = "a" * 64
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
CORE = CoreMetadata(metadata_version="2.1", name="demo", version="1.0")
HELD: dict[str, Any] = {"filename": WHEEL, "serial": 7, "at": "2026-01-01T00:00:00.000000Z", "uploader": "bob"}
OTHER_BYTES = Holding(**HELD, sha256="b" * 64, present=False)
SAME_BYTES = Holding(**HELD, sha256=SHA256, present=False)
BOB, ALICE = frozenset({"bob"}), frozenset({"alice"})

UPLOADS: tuple[dict[str, Any], ...] = (
    {
        "code": "file-exists",
        "upload": {"holding": Holding(**HELD, sha256="b" * 64, present=True)},
        "twin": {"upload": {}},
    },
    {
        "code": "filename-used-before",
        "upload": {"holding": OTHER_BYTES},
        "twin": {"upload": {"holding": SAME_BYTES}},
    },
    {
        "code": "blocked",
        "upload": {"holding": SAME_BYTES, "block": Block(filename=WHEEL, sha256=SHA256, at=HELD["at"])},
        "twin": {"upload": {"holding": SAME_BYTES}},
    },
    {"code": "same-bytes", "upload": {"twin": "other-1.0-py3-none-any.whl"}, "twin": {"upload": {"twin": None}}},
    {
        "code": "sdist-exists",
        "filename": SDIST,
        "upload": {"other_sdist": "demo-1.0.0.tar.gz"},
        "twin": {"upload": {}},
    },
    {"code": "file-too-large", "upload": {"size": 101}, "terms": {"max_file_size": 100}, "twin": {"upload": {}}},
    {
        "code": "project-too-large",
        "upload": {"project_size": 101},
        "terms": {"max_project_size": 200},
        "twin": {"upload": {"project_size": 100}},
    },
    {
        "code": "name-not-allowed",
        "terms": {"allowed_names": ("acme-*",)},
        "twin": {"terms": {"allowed_names": ("acme-*", "dem?")}},
    },
    {
        "code": "name-forbidden",
        "terms": {"forbidden_names": ("dem*",)},
        "twin": {"terms": {"forbidden_names": ("demos",)}},
    },
    {
        "code": "name-reserved",
        "terms": {"reserved_prefixes": ("de",)},
        "twin": {"terms": {"reserved_prefixes": ("de",), "owners": {"de*": ALICE}}},
    },
    {"code": "project-archived", "terms": {"archived": ("demo",)}, "twin": {"terms": {"archived": ("demos",)}}},
    {"code": "not-owner", "terms": {"owners": {"demo": BOB}}, "twin": {"terms": {"owners": {"demo": BOB | ALICE}}}},
    {
        "code": "not-owner",
        "upload": {"first_uploader": "bob"},
        "terms": {"first_uploader_owns": True},
        "twin": {"upload": {"first_uploader": "alice"}},
    },
)
"""`upload` and `terms` are what `Upload` and `Terms` take; the twin has other ones, and all else in common."""


def upload_of(description: Mapping[str, Any]) -> tuple[Upload, Terms]:
    """A sound archive of alice's, 100 bytes long, with what the description says beside."""
    plain: dict[str, Any] = {
        "sha256": SHA256,
        "inspection": Inspection(core=CORE, metadata=b""),
        "holding": None,
        "account": Publisher(name="alice"),
        "size": 100,
    }
    filename = parse_filename(description.get("filename", WHEEL))
    upload = Upload(filename=filename, **{**plain, **description.get("upload", {})})
    return upload, Terms(**description.get("terms", {}))


def twin_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """The description of the upload beside it that is admitted."""
    return {**description, **description["twin"]}
