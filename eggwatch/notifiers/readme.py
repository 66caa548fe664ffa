"""DROP/README.txt: what to copy there, where answers lie, the pip line, whom to ask."""

from __future__ import annotations

from eggwatch.model.instructions import pip_install, upload
from eggwatch.store.drop.answers import README_MARK


def readme_text(index_url: str, upload_to: str, *, contact: str | None) -> str:
    """The whole text; it begins with the mark by which it is known as ours."""
    return f"""{README_MARK}

Copy wheels (.whl) and sdists (.tar.gz) here, by scp, rsync, samba, sftp or cp, also in folders:

    python -m build
    {upload(upload_to)}

A whole and sound archive is published at once and leaves this folder a moment later; folders stay. Install it with

    {pip_install(index_url, "PROJECT")}

receipts/FILENAME.txt       what became of your file (kept for 7 days)
rejected/FILENAME           a refused file, with FILENAME.reason.txt beside it: why, and how to mend it

A published filename is never used again for other bytes: raise the version instead.
Questions: {contact or "the administrator of this server"}
"""
