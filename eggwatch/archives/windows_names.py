"""Warns of member names that Windows does not allow, or stores differently from Linux.

Source: Microsoft, "Naming Files, Paths, and Namespaces". Dangerous names (a drive, two names that become one) are
rejected in `paths` and where names are compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eggwatch.archives.findings import Findings
from eggwatch.archives.paths import in_lots
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted

_CHARACTER = re.compile(r'[<>:"|?*]')
_END = re.compile(r"[^./]\.*[. ]/")
_DEVICE = re.compile(r"/(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\xb9\xb2\xb3])[./]")


def note_strange(names: Sequence[str], findings: Findings) -> None:
    """Add one flaw for all names with devices (con.py), special characters, or dots and spaces at an end."""
    # There are nearly never any, and checking each name would take ten times as long.
    lots = (lot for lot in in_lots(names) if is_strange("/".join(lot)))
    strange = [name for lot in lots for name in lot if is_strange(name)]
    if not strange:
        return
    message = (
        f"{counted(len(strange), 'member has a name', 'members have names')} "
        f"that Windows does not allow or stores differently, this one first. "
        "Rename them if the project is meant for Windows."
    )
    findings.note(Code.WINDOWS_NAME, strange[0], message)


def is_strange(paths: str) -> bool:
    """True if a part of these paths is the name of a device, ends in a dot or space, or has a special character."""
    paths = f"/{paths}/".lower()
    if _CHARACTER.search(paths) or _DEVICE.search(paths):
        return True
    return ("./" in paths or " /" in paths) and _END.search(paths) is not None
