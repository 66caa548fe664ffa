"""Which library inflates: zlib-ng where it is installed (the extra `speed`), which takes half the time, else zlib.

Both refuse the same streams, being one program in two versions. isal is no faster than zlib-ng by much, and takes
streams that zlib refuses, and with it pip: an archive that nobody can install would pass.
"""

from __future__ import annotations

import zlib as stock
from contextlib import suppress
from importlib import import_module
from typing import Any

zlib: Any = stock
with suppress(ImportError):
    zlib = import_module("zlib_ng.zlib_ng")
