"""The codes of the rules: what is wrong with an upload, in one word that stays the same for good.

What a rule asks, why, and what it weighs stands in policy/rules; each code has its entry there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from eggwatch.model.verdicts import Level


class Code(StrEnum):
    """The code of a rule, and the level at which archives tell of it.

    That is `warn` where honest archives in real use break the rule (the reason is the rule's `lenient`), and else
    `refuse`. A check of a milder case says its level itself; what counts in the end is decided by the policy.
    """

    level: Level

    def __new__(cls, text: str, level: Level = Level.REFUSE) -> Self:
        """A member that is its text, with the level beside it."""
        code = str.__new__(cls, text)
        code._value_, code.level = text, level
        return code

    # Filenames
    FILENAME_CONTROL_CHARACTERS = "filename-control-characters"
    FILENAME_SLASH = "filename-slash"
    FILENAME_FORMAT = "filename-format"
    FILENAME_TOO_LONG = "filename-too-long"
    FILENAME_INVALID = "filename-invalid"
    FILENAME_NOT_NORMALIZED = "filename-not-normalized"
    FILENAME_COPY = "filename-copy"
    FILENAME_TAGS_REPEATED = "filename-tags-repeated"
    FILENAME_TOO_MANY_TAGS = "filename-too-many-tags"
    FILENAME_TAGS_UPPERCASE = "filename-tags-uppercase"
    VERSION_TOO_LARGE = "version-too-large"
    PYTHON_TAG_UNKNOWN = "python-tag-unknown"
    ABI_TAG_UNKNOWN = "abi-tag-unknown"
    PLATFORM_TAG_UNKNOWN = "platform-tag-unknown"
    PLATFORM_TAG_LINUX = "platform-tag-linux"
    PLATFORM_TAG_NEWER = "platform-tag-newer"
    VERSION_LOCAL = "version-local"

    # Every archive
    INCOMPLETE = "incomplete"
    MORE_FLAWS = "more-flaws"
    INSPECTION_LIMIT = "inspection-limit"
    EGGWATCH_ERROR = "eggwatch-error"
    COMPRESSION_RATIO = "compression-ratio"
    TOO_MANY_MEMBERS = "too-many-members"
    ZIP_TAR_POLYGLOT = "zip-tar-polyglot"
    METADATA_MISSING = "metadata-missing"
    METADATA_NOT_A_FILE = "metadata-not-a-file"
    METADATA_TOO_LARGE = "metadata-too-large"
    METADATA_CONTROL_CHARACTER = "metadata-control-character"
    LICENSE_FILE_MISSING = "license-file-missing"
    WINDOWS_NAME = "windows-name", Level.WARN

    # Zip
    NOT_A_ZIP = "not-a-zip"
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
    ZIP_UNSAFE_PATH = "zip-unsafe-path"
    ZIP_NAME_SPELLING = "zip-name-spelling", Level.WARN
    ZIP_LINK = "zip-link"
    ZIP_DEVICE = "zip-device"
    ZIP_DATA_DESCRIPTOR = "zip-data-descriptor", Level.WARN
    ZIP_COMMENT = "zip-comment", Level.WARN
    ZIP_NAME_CHARACTERS = "zip-name-characters"
    ZIP_NAME_INVISIBLE = "zip-name-invisible"
    ZIP_NOT_PORTABLE = "zip-not-portable"
    ZIP_UNICODE_PATH = "zip-unicode-path"
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
    WHEEL_BYTECODE_UNCHECKED = "wheel-bytecode-unchecked"
    SCRIPT_UNSUPPORTED = "script-unsupported"
    SCRIPT_NOT_EXECUTABLE = "script-not-executable"
    RECORD_MISSING = "record-missing"
    RECORD_INVALID = "record-invalid"
    RECORD_UNLISTED_MEMBER = "record-unlisted-member", Level.WARN
    RECORD_STRAY_ENTRY = "record-stray-entry", Level.WARN
    RECORD_UNSAFE_PATH = "record-unsafe-path"
    RECORD_DUPLICATE_ENTRY = "record-duplicate-entry", Level.WARN
    RECORD_HASH_MISSING = "record-hash-missing", Level.WARN
    RECORD_HASH_WEAK = "record-hash-weak", Level.WARN
    RECORD_HASH_MISMATCH = "record-hash-mismatch", Level.WARN
    RECORD_SIZE_MISMATCH = "record-size-mismatch", Level.WARN
    ENTRY_POINTS_INVALID = "entry-points-invalid"
    SCRIPT_NAME_UNSAFE = "script-name-unsafe"

    # Sdists
    NOT_A_GZIP = "not-a-gzip"
    GZIP_CORRUPT = "gzip-corrupt"
    GZIP_TRAILING_DATA = "gzip-trailing-data"
    GZIP_MEMBERS = "gzip-members"
    GZIP_HEADER = "gzip-header"
    TAR_MALFORMED = "tar-malformed"
    TAR_UNCLOSED = "tar-unclosed"
    TAR_NOT_PORTABLE = "tar-not-portable"
    TAR_SPARSE = "tar-sparse"
    TAR_DEVICE = "tar-device"
    TAR_UNSAFE_PATH = "tar-unsafe-path"
    TAR_NAME_CHARACTERS = "tar-name-characters"
    TAR_UNSAFE_LINK = "tar-unsafe-link"
    TAR_BROKEN_LINK = "tar-broken-link"
    TAR_DUPLICATE_METADATA = "tar-duplicate-metadata"
    TAR_DUPLICATE_MEMBER = "tar-duplicate-member"
    TAR_CASE_COLLISION = "tar-case-collision"
    TAR_MODE = "tar-mode", Level.WARN
    SDIST_TOP_FOLDER = "sdist-top-folder"
    SDIST_LEADING_DOT = "sdist-leading-dot"
    SDIST_NO_PYPROJECT = "sdist-no-pyproject", Level.WARN

    # Metadata
    METADATA_UNREADABLE = "metadata-unreadable"
    METADATA_VERSION_UNKNOWN = "metadata-version-unknown"
    METADATA_VERSION_WITHDRAWN = "metadata-version-withdrawn", Level.WARN
    METADATA_VERSION_NEWER = "metadata-version-newer", Level.WARN
    METADATA_NAME_MISSING = "metadata-name-missing"
    METADATA_NAME_INVALID = "metadata-name-invalid"
    METADATA_NAME_MISMATCH = "metadata-name-mismatch"
    METADATA_VERSION_MISSING = "metadata-version-missing"
    METADATA_VERSION_INVALID = "metadata-version-invalid"
    METADATA_VERSION_MISMATCH = "metadata-version-mismatch"
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
    FILE_EXISTS = "file-exists"
    FILENAME_USED_BEFORE = "filename-used-before"
    BLOCKED = "blocked"
    SDIST_EXISTS = "sdist-exists"
    SAME_BYTES = "same-bytes"
    FILE_TOO_LARGE = "file-too-large"
    PROJECT_TOO_LARGE = "project-too-large"
    NAME_NOT_ALLOWED = "name-not-allowed"
    NAME_FORBIDDEN = "name-forbidden"
    NAME_RESERVED = "name-reserved"
    PROJECT_ARCHIVED = "project-archived"
    NOT_OWNER = "not-owner"
