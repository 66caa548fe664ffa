"""Which errors at a start are over when a disk is in order again, and which are for somebody to mend."""

from __future__ import annotations

import errno

OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What a disk says that is full or fails."""


def may_pass(error: BaseException) -> bool:
    """Whether an error may be over without anybody's changing the configuration."""
    cause = error.__cause__
    return isinstance(error, OSError) or (isinstance(cause, OSError) and cause.errno in OF_DISKS)
