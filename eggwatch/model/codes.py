"""The codes of the rules, which never change. Each has an entry with its text in policy/rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from eggwatch.model.verdicts import Level

FIXED = True
"""Of rules that protect the index itself, the machines that unpack, and terminals: they always reject."""


class Code(StrEnum):
    """The code of a rule, its default level, and whether the rule is fixed.

    The level is `warn` if legitimate archives break the rule (the reason is the rule's `lenient`), else `refuse`. A
    check of a milder case gives its level itself; the policy decides what counts in the end.
    """

    level: Level
    fixed: bool

    def __new__(cls, text: str, level: Level = Level.REFUSE, fixed: bool = False) -> Self:  # noqa: FBT001, FBT002
        """A member that is its text, with level and `fixed` as attributes."""
        code = str.__new__(cls, text)
        code._value_, code.level, code.fixed = text, level, fixed
        return code

    # Filenames
    FILENAME_CONTROL_CHARACTERS = "filename-control-characters", Level.REFUSE, FIXED
    FILENAME_SLASH = "filename-slash", Level.REFUSE, FIXED
    FILENAME_FORMAT = "filename-format", Level.REFUSE, FIXED
    FILENAME_TOO_LONG = "filename-too-long", Level.REFUSE, FIXED
    FILENAME_INVALID = "filename-invalid", Level.REFUSE, FIXED
    FILENAME_NOT_NORMALIZED = "filename-not-normalized"
    FILENAME_COPY = "filename-copy", Level.REFUSE, FIXED
    FILENAME_TAGS_REPEATED = "filename-tags-repeated"
    FILENAME_TOO_MANY_TAGS = "filename-too-many-tags", Level.REFUSE, FIXED
    FILENAME_TAGS_UPPERCASE = "filename-tags-uppercase"
    VERSION_TOO_LARGE = "version-too-large"
    PYTHON_TAG_UNKNOWN = "python-tag-unknown"
    ABI_TAG_UNKNOWN = "abi-tag-unknown"
    PLATFORM_TAG_UNKNOWN = "platform-tag-unknown"
    PLATFORM_TAG_LINUX = "platform-tag-linux"
    PLATFORM_TAG_NEWER = "platform-tag-newer"
    VERSION_LOCAL = "version-local"

    # Every archive
    INCOMPLETE = "incomplete", Level.REFUSE, FIXED
    MORE_FLAWS = "more-flaws", Level.REFUSE, FIXED
    INSPECTION_LIMIT = "inspection-limit", Level.REFUSE, FIXED
    EGGWATCH_ERROR = "eggwatch-error", Level.REFUSE, FIXED
    COMPRESSION_RATIO = "compression-ratio"
    TOO_MANY_MEMBERS = "too-many-members", Level.REFUSE, FIXED
    ZIP_TAR_POLYGLOT = "zip-tar-polyglot"
    METADATA_MISSING = "metadata-missing", Level.REFUSE, FIXED
    METADATA_NOT_A_FILE = "metadata-not-a-file", Level.REFUSE, FIXED
    METADATA_TOO_LARGE = "metadata-too-large", Level.REFUSE, FIXED
    METADATA_CONTROL_CHARACTER = "metadata-control-character", Level.REFUSE, FIXED
    LICENSE_FILE_MISSING = "license-file-missing"
    WINDOWS_NAME = "windows-name", Level.WARN

    # Zip
    NOT_A_ZIP = "not-a-zip", Level.REFUSE, FIXED
    ZIP_MALFORMED = "zip-malformed"
    ZIP_MODE = "zip-mode", Level.WARN
    ZIP_CRC = "zip-crc"
    ZIP_SIZE = "zip-size"
    ZIP_DUPLICATE_MEMBER = "zip-duplicate-member"
    ZIP_REPEATED_MEMBER = "zip-repeated-member", Level.WARN
    ZIP_CASE_COLLISION = "zip-case-collision"
    ZIP_LOCAL_MISMATCH = "zip-local-mismatch"
    ZIP_LOCAL_CRC = "zip-local-crc"
    ZIP_ENCRYPTED = "zip-encrypted"
    ZIP_COMPRESSION = "zip-compression"
    ZIP_FLAGS = "zip-flags"
    ZIP_UNSAFE_PATH = "zip-unsafe-path", Level.REFUSE, FIXED
    ZIP_NAME_SPELLING = "zip-name-spelling", Level.WARN
    ZIP_LINK = "zip-link", Level.REFUSE, FIXED
    ZIP_DEVICE = "zip-device", Level.REFUSE, FIXED
    ZIP_DATA_DESCRIPTOR = "zip-data-descriptor", Level.WARN
    ZIP_COMMENT = "zip-comment", Level.WARN
    ZIP_NAME_CHARACTERS = "zip-name-characters", Level.REFUSE, FIXED
    ZIP_NAME_INVISIBLE = "zip-name-invisible"
    ZIP_NOT_PORTABLE = "zip-not-portable"
    ZIP_UNICODE_PATH = "zip-unicode-path", Level.REFUSE, FIXED
    ZIP_DUPLICATE_EXTRA = "zip-duplicate-extra"
    ZIP64_MISMATCH = "zip64-mismatch"
    ZIP_LEADING_DATA = "zip-leading-data"
    ZIP_HIDDEN_DATA = "zip-hidden-data"
    ZIP_OVERLAP = "zip-overlap"
    ZIP_TRAILING_DATA = "zip-trailing-data"

    # Wheels
    DIST_INFO_AMBIGUOUS = "dist-info-ambiguous"
    DIST_INFO_INSTALLER = "dist-info-installer", Level.WARN
    WHEEL_FILE_MISSING = "wheel-file-missing"
    WHEEL_FILE_INVALID = "wheel-file-invalid"
    WHEEL_VERSION_UNSUPPORTED = "wheel-version-unsupported"
    WHEEL_TAGS_MISMATCH = "wheel-tags-mismatch", Level.WARN
    WHEEL_BUILD_MISMATCH = "wheel-build-mismatch", Level.WARN
    WHEEL_DATA_FOLDER = "wheel-data-folder"
    WHEEL_COLLISION = "wheel-collision"
    WHEEL_BYTECODE = "wheel-bytecode", Level.WARN
    WHEEL_BYTECODE_UNCHECKED = "wheel-bytecode-unchecked", Level.REFUSE, FIXED
    SCRIPT_UNSUPPORTED = "script-unsupported"
    SCRIPT_NOT_EXECUTABLE = "script-not-executable"
    RECORD_MISSING = "record-missing"
    RECORD_INVALID = "record-invalid"
    RECORD_UNLISTED_MEMBER = "record-unlisted-member", Level.WARN
    RECORD_STRAY_ENTRY = "record-stray-entry", Level.WARN
    RECORD_UNSAFE_PATH = "record-unsafe-path", Level.REFUSE, FIXED
    RECORD_DUPLICATE_ENTRY = "record-duplicate-entry", Level.WARN
    RECORD_HASH_MISSING = "record-hash-missing", Level.WARN
    RECORD_HASH_WEAK = "record-hash-weak", Level.WARN
    RECORD_HASH_MISMATCH = "record-hash-mismatch", Level.WARN
    RECORD_SIZE_MISMATCH = "record-size-mismatch", Level.WARN
    ENTRY_POINTS_INVALID = "entry-points-invalid"
    SCRIPT_NAME_UNSAFE = "script-name-unsafe", Level.REFUSE, FIXED

    # Sdists
    NOT_A_GZIP = "not-a-gzip", Level.REFUSE, FIXED
    GZIP_CORRUPT = "gzip-corrupt"
    GZIP_TRAILING_DATA = "gzip-trailing-data"
    GZIP_MEMBERS = "gzip-members"
    GZIP_HEADER = "gzip-header"
    TAR_MALFORMED = "tar-malformed"
    TAR_UNCLOSED = "tar-unclosed"
    TAR_NOT_PORTABLE = "tar-not-portable"
    TAR_SPARSE = "tar-sparse"
    TAR_DEVICE = "tar-device", Level.REFUSE, FIXED
    TAR_UNSAFE_PATH = "tar-unsafe-path", Level.REFUSE, FIXED
    TAR_NAME_CHARACTERS = "tar-name-characters"
    TAR_UNSAFE_LINK = "tar-unsafe-link", Level.REFUSE, FIXED
    TAR_BROKEN_LINK = "tar-broken-link"
    TAR_DUPLICATE_METADATA = "tar-duplicate-metadata"
    TAR_DUPLICATE_MEMBER = "tar-duplicate-member"
    TAR_CASE_COLLISION = "tar-case-collision"
    TAR_MODE = "tar-mode", Level.WARN
    SDIST_TOP_FOLDER = "sdist-top-folder"
    SDIST_LEADING_DOT = "sdist-leading-dot"
    SDIST_NO_PYPROJECT = "sdist-no-pyproject", Level.WARN

    # Metadata
    METADATA_UNREADABLE = "metadata-unreadable", Level.REFUSE, FIXED
    METADATA_VERSION_UNKNOWN = "metadata-version-unknown", Level.REFUSE, FIXED
    METADATA_VERSION_WITHDRAWN = "metadata-version-withdrawn", Level.WARN
    METADATA_VERSION_NEWER = "metadata-version-newer", Level.WARN
    METADATA_NAME_MISSING = "metadata-name-missing", Level.REFUSE, FIXED
    METADATA_NAME_INVALID = "metadata-name-invalid", Level.REFUSE, FIXED
    METADATA_NAME_MISMATCH = "metadata-name-mismatch", Level.REFUSE, FIXED
    METADATA_VERSION_MISSING = "metadata-version-missing", Level.REFUSE, FIXED
    METADATA_VERSION_INVALID = "metadata-version-invalid", Level.REFUSE, FIXED
    METADATA_VERSION_MISMATCH = "metadata-version-mismatch", Level.REFUSE, FIXED
    METADATA_REQUIRES_PYTHON = "metadata-requires-python"
    REQUIRES_PYTHON_WILDCARD = "requires-python-wildcard", Level.WARN
    REQUIRES_PYTHON_UNSUPPORTED = "requires-python-unsupported"
    METADATA_FIELD_UNKNOWN = "metadata-field-unknown", Level.WARN
    METADATA_FIELD_TOO_NEW = "metadata-field-too-new", Level.WARN
    LICENSE_FILE_EARLY = "license-file-early", Level.WARN
    METADATA_FIELD_REPEATED = "metadata-field-repeated", Level.WARN
    METADATA_FIELD_INVALID = "metadata-field-invalid"
    METADATA_AMBIGUOUS = "metadata-ambiguous"
    DESCRIPTION_CONTENT_TYPE_INVALID = "description-content-type-invalid", Level.WARN
    METADATA_ENCODING = "metadata-encoding"
    SUMMARY_MULTILINE = "summary-multiline", Level.WARN
    SUMMARY_TOO_LONG = "summary-too-long", Level.WARN
    EMAIL_INVALID = "email-invalid", Level.WARN
    CLASSIFIER_UNKNOWN = "classifier-unknown", Level.WARN
    CLASSIFIER_DEPRECATED = "classifier-deprecated", Level.WARN
    CLASSIFIER_PRIVATE = "classifier-private", Level.WARN
    URL_INVALID = "url-invalid", Level.WARN
    URL_LABEL_INVALID = "url-label-invalid", Level.WARN
    PROVIDES_DIST_INVALID = "provides-dist-invalid", Level.WARN
    REQUIREMENT_INVALID = "requirement-invalid"
    REQUIREMENT_UNSUPPORTED = "requirement-unsupported"
    REQUIREMENT_DIRECT = "requirement-direct", Level.WARN
    DYNAMIC_INVALID = "dynamic-invalid"
    LICENSE_CONFLICT = "license-conflict"
    LICENSE_EXPRESSION_INVALID = "license-expression-invalid"
    README_UNRENDERABLE = "readme-unrenderable", Level.WARN

    # The index and its people
    FILE_EXISTS = "file-exists", Level.REFUSE, FIXED
    FILENAME_USED_BEFORE = "filename-used-before", Level.REFUSE, FIXED
    BLOCKED = "blocked", Level.REFUSE, FIXED
    SDIST_EXISTS = "sdist-exists"
    SAME_BYTES = "same-bytes"
    FILE_TOO_LARGE = "file-too-large"
    PROJECT_TOO_LARGE = "project-too-large"
    NAME_NOT_ALLOWED = "name-not-allowed"
    NAME_FORBIDDEN = "name-forbidden"
    NAME_RESERVED = "name-reserved"
    PROJECT_ARCHIVED = "project-archived"
    NOT_OWNER = "not-owner"


def nearest(text: str) -> Code | None:
    """The code most similar to a mistyped one; None if none is similar."""
    from difflib import get_close_matches

    near = get_close_matches(text, Code, n=1)
    return Code(near[0]) if near else None
