"""An index with every kind of page: releases yanked, removed and current, READMEs of each type, a hostile package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.pages.site.front import FEW
from tests.archive_factory import recorded, sdist, wheel, wheel_members, zip_of
from tests.hostile.characters import ODD
from tests.once import once_a_run

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)><style>*{display:none}</style>\"'><b id=main>"
"""Would run, load, hide and double things if it ever became markup."""
ALWAYS_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
"""What no field but the description may contain: control characters, and what changes the direction of writing."""
ANYWHERE = "".join(one for one in ODD if len(one) == 1 and one not in "\r\n\udcff\udc80")
UNSEEN = ALWAYS_REFUSED.sub("", ANYWHERE)
"""Zero-width, private and combining characters, and what means something to some program."""
LONG = "x" * 300

MARKDOWN = """Description-Content-Type: text/markdown

# Demo

What it is, with a [link](https://example.com/) and ![a picture](https://elsewhere.example.com/b.svg).

### A heading that leaves out a level

| Python | Works |
| ------ | ----- |
| 3.11   | yes   |

```python
# a comment
def demo(number: int = 1) -> str:
    return f"{number} eggs"
```

#### Deeper

- [ ] to do
- done, with `code` and a very_long_name_{0} without a place to break it
"""
RST = """Description-Content-Type: text/x-rst

Other
=====

Other
=====

.. image:: https://elsewhere.example.com/picture.svg

Term
    What it means [1]_.

.. [1] A footnote.

.. code-block:: python

    print("other", 1 + 2)  # said

.. note:: A note.

==== ====
a    b
==== ====
1    2
==== ====
"""
HOSTILE = f"""Author: {MARKUP}
Author-email: {MARKUP} <a@example.com>
Maintainer: {UNSEEN}
License: {MARKUP}{UNSEEN}
Keywords: {MARKUP},{UNSEEN},{LONG}
Home-page: javascript:alert(3)
Download-URL: data:text/html,{MARKUP}
Project-URL: {MARKUP}, https://example.com/?a=1&b={MARKUP}
Project-URL: Homepage, javascript:alert(4)
Project-URL: Quoted, https://example.com/"onmouseover="alert(5)
Project-URL: {UNSEEN}, https://example.com/\u200b/%22
Project-URL: Mail, mailto:a@example.com?body={MARKUP}
Classifier: Topic :: {MARKUP}
Classifier: {LONG}
Requires-Dist: demo ; extra == '{LONG}'
Requires-Dist: demo[{LONG}]>=1
Provides-Extra: {LONG}
Description-Content-Type: text/markdown

# {MARKUP}

{MARKUP}{ANYWHERE}

[one](javascript:alert(6)) [two](data:text/html,x) [three](vbscript:x "{MARKUP}")
<a href="  java&#115;cript:alert(7)" onclick="alert(8)" style="position:fixed">four</a>
<iframe src="https://elsewhere.example.com/"></iframe><svg onload="alert(9)"><use href="data:x"/></svg>
<form action="https://elsewhere.example.com/"><input name="q" autofocus onfocus="alert(10)"></form>
<h1 id="main" class="notice">five</h1><base href="//elsewhere.example.com/"><meta http-equiv="refresh" content="0">
<math><mtext><table><mglyph><style><img src=x onerror=alert(11)></style></mglyph></table></mtext></math>
<details open ontoggle="alert(12)"><summary>six</summary></details>
![seven](https://elsewhere.example.com/track.png) ![eight](//elsewhere.example.com/track.png)

```{MARKUP}
</code></pre>{MARKUP}
```
"""
ABOUT = """Author-email: Alice <alice@example.com>
License: MIT
Keywords: one,two
Project-URL: Homepage, https://example.com/?a=1&b=2
Classifier: Programming Language :: Python :: 3
Classifier: Topic :: Software Development
Requires-Dist: other>=1 ; python_version >= '3.8'
Requires-Dist: elsewhere[extra]
"""
PLAIN = "Author: Bob\n\nA plain text\n    with <markup> & a line that is longer than any window: " + "word " * 60


def _archives() -> dict[str, bytes]:
    tags = ("cp39-abi3-manylinux_2_17_x86_64", "cp312-cp312-win_amd64", "cp313-cp313t-macosx_11_0_arm64")
    made = [
        wheel("demo", "1.0", metadata_extra=ABOUT + MARKDOWN),
        wheel("demo", "1.1"),
        *(wheel("demo", "2.0", metadata_extra=ABOUT + MARKDOWN, tags=tag, requires_python=">=3.9") for tag in tags),
        sdist("demo", "2.0", metadata_extra=ABOUT + MARKDOWN, requires_python=">=3.9"),
        wheel("other", "1!2.0+local.1", metadata_extra="Requires-Dist: demo\n" + RST),
        sdist("plain", metadata_extra=PLAIN),
        wheel("gone"),
        *(wheel(f"a-{number}", files={}) for number in range(FEW // 2)),
        *(wheel(f"b{number}", files={}) for number in range(FEW // 2)),
        wheel("9lives"),
    ]
    return dict(made)


def _hostile() -> tuple[str, bytes]:
    members, metadata = wheel_members("hostile", metadata_extra=HOSTILE), "hostile-1.0.dist-info/METADATA"
    said = members[metadata].replace(b"The hostile project", f"{MARKUP}{UNSEEN}".encode())
    return "hostile-1.0-py3-none-any.whl", zip_of(recorded({**members, metadata: said}))


def site_of(folder: Path, archives: dict[str, bytes], *, config: str = "") -> None:
    """Publish archives in a new index in this folder, and write all pages of its site; PUBLIC is `folder`/public."""
    (folder / "drop").mkdir(parents=True)
    (folder / "eggwatch.toml").write_text(
        f'[index.main]\ndrop = "drop"\npublic = "public"\nstate = "state"\nlinger = "0s"\n{config}'
    )
    for name, data in archives.items():
        (folder / "drop" / name).write_bytes(data)
    eggwatch(folder, "run", "--once")


def eggwatch(folder: Path, *words: str) -> None:
    """One command on the index in this folder."""
    command = [sys.executable, "-m", "eggwatch", "--config", str(folder / "eggwatch.toml"), *words]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


def make_sample(folder: Path) -> None:
    """The sample index in this folder; `bare` in it is one with site = "off", and `folder` one without a daemon."""
    said = '[index.main.site]\ntitle = "Packages & more"\ntext = "What we build."\n'
    site_of(folder, _archives(), config=said)
    name, data = _hostile()
    (folder / "drop" / name).write_bytes(data)
    eggwatch(folder, "run", "--once")
    eggwatch(folder, "yank", "demo==1.0", "--reason", f"It is {MARKUP} broken.")
    for spec in ("demo==1.1", "gone"):
        eggwatch(folder, "remove", spec)
    site_of(folder / "bare", dict([wheel("demo"), wheel("other")]), config='site = "off"\n')
    (folder / "folder").mkdir()
    for name, data in (wheel("demo"), sdist("other")):
        (folder / "folder" / name).write_bytes(data)
    eggwatch(folder, "index", str(folder / "folder"))


def sample_site(factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample index."""
    return once_a_run(factory, "sample_site", make_sample)


PAGES = {
    "front": "index.html",
    "projects": "projects/index.html",
    "projects by letter": "projects/a/index.html",
    "projects by digit": "projects/0-9/index.html",
    "project": "project/demo/index.html",
    "release": "project/demo/2.0/index.html",
    "yanked release": "project/demo/1.0/index.html",
    "removed release": "project/demo/1.1/index.html",
    "removed project": "project/gone/index.html",
    "README in reStructuredText": "project/other/index.html",
    "README in plain text": "project/plain/index.html",
    "hostile project": "project/hostile/index.html",
    "search": "search/index.html",
    "history": "history/index.html",
    "rules": "rules/index.html",
    "front without the site": "../bare/public/index.html",
    "front of a folder": "../folder/index.html",
}
"""Each kind of page for people, by its path below PUBLIC."""
MACHINES = {"simple index": "simple/index.html", "simple page of a project": "simple/demo/index.html"}
"""Those for installers."""
