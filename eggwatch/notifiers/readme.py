"""DROP/README.txt: what to copy there, where to find answers, the pip command, and the contact."""

from __future__ import annotations

from eggwatch.model.instructions import pip_install, upload
from eggwatch.store.drop.answers import README_MARK


def readme_text(index_url: str, upload_to: str, *, contact: str | None) -> str:
    """The whole text; it begins with the mark by which it is known as ours."""
    return f"""{README_MARK}

To publish a package, copy its wheels (.whl) and sdists (.tar.gz) here, by scp, rsync, samba, sftp or cp:

    python -m build
    {upload(upload_to)}

A complete and valid archive is published at once and then removed from here. Subfolders work too. To install:

    {pip_install(index_url, "PROJECT")}

receipts/FILENAME.txt       the result for your file (kept for 7 days)
rejected/FILENAME           a rejected file; FILENAME.reason.txt beside it says why, and how to fix it

A published file can't be replaced by another one of the same name: increase the version instead.
Questions: {contact or "the administrator of this server"}
"""
