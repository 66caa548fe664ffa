"""eggwatch collect downloads what requirements, lock files and configurations of compoze name."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from tests.archive_factory import MARKER, sdist, sdist_members, wheel
from tests.cli.collecting import APP, LIBRARY, SAME, Index, collect, compoze_config, files_in
from tests.cli.stocks import add


def test_requirements_are_collected_with_their_dependencies(tmp_path: Path, tree: Index) -> None:
    """As pip resolves them, with constraints; a second run downloads nothing."""
    (tmp_path / "constraints.txt").write_text("library<2\n")
    arguments = ("app", "-c", "constraints.txt", "--into", "kgs", "--python", sys.executable)
    done = collect(tmp_path, tree, *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"app 1.0: found: {APP}", f"library 1.0: found: {LIBRARY}", "kgs: 2 found"]
    assert files_in(tmp_path / "kgs") == [APP, LIBRARY]
    assert tree.sent() >= {APP, LIBRARY}
    assert (collect(tmp_path, tree, *arguments).out, tree.sent()) == (done.out, set())


def test_no_deps_collects_only_the_requirements(tmp_path: Path, tree: Index) -> None:
    assert collect(tmp_path, tree, "app", "--no-deps", "--into", "kgs", "--python", sys.executable).code == 0
    assert files_in(tmp_path / "kgs") == [APP]


def test_a_requirement_that_no_index_has_exits_with_1_and_pips_reason(tmp_path: Path, tree: Index) -> None:
    done = collect(tmp_path, tree, "app", "nowhere", "--into", "kgs", "--python", sys.executable)
    assert (done.code, done.out, files_in(tmp_path / "kgs")) == (1, "", [])
    assert done.err.startswith("eggwatch: pip has not found everything: No matching distribution found for nowhere")


def test_hashes_of_a_requirements_file_are_checked(tmp_path: Path, tree: Index) -> None:
    """A file with another hash is not collected."""
    good = hashlib.sha256(wheel("library", "1.0")[1]).hexdigest()
    for digest, code in (("0" * 64, 1), (good, 0)):
        (tmp_path / "requirements.txt").write_text(f"library==1.0 --hash=sha256:{digest}\n")
        done = collect(tmp_path, tree, "-r", "requirements.txt", "--into", "kgs", "--python", sys.executable)
        assert done.code == code, done.err
    assert files_in(tmp_path / "kgs") == [LIBRARY]


def test_the_dependencies_of_a_pyproject_are_collected(tmp_path: Path, tree: Index) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["library<2"]\n')
    assert collect(tmp_path, tree, "-r", "pyproject.toml", "--into", "kgs", "--python", sys.executable).code == 0
    assert files_in(tmp_path / "kgs") == [LIBRARY]


@pytest.mark.parametrize("name", ["pylock.toml", "pylock.dev.toml"])
def test_the_versions_and_hashes_of_a_pylock_are_collected(tmp_path: Path, tree: Index, name: str) -> None:
    """Packages whose marker is false are left out, and a directory is reported as not on an index (PEP 751)."""
    digest = hashlib.sha256(wheel("library", "1.0")[1]).hexdigest()
    (tmp_path / name).write_text(
        f"""lock-version = "1.0"
created-by = "test"
[[packages]]
name = "library"
version = "1.0"
marker = "python_version >= '3'"
wheels = [{{name = "{LIBRARY}", url = "https://files.example.com/{LIBRARY}", hashes = {{sha256 = "{digest}"}}}}]
[[packages]]
name = "app"
version = "1.0"
marker = "sys_platform == 'win32'"
wheels = [{{name = "{APP}", url = "https://files.example.com/{APP}", hashes = {{sha256 = "{digest}"}}}}]
[[packages]]
name = "own"
directory = {{path = ".", editable = true}}
"""
    )
    done = collect(tmp_path, tree, "-r", name, "--into", "kgs", "--python", sys.executable)
    assert done.out.splitlines() == [
        "own: not on an index: locked to directory .",
        f"library 1.0: found: {LIBRARY}",
        "kgs: 1 found, 1 not on an index",
    ]
    assert (done.code, files_in(tmp_path / "kgs")) == (1, [LIBRARY])


def test_wheels_for_other_platforms_and_pythons_are_collected_for_each(tmp_path: Path, index: Index) -> None:
    """Every platform with every Python, even if the project is installed here from another build."""
    tags = ("cp312-cp312-win_amd64", "cp313-cp313-win_amd64", "cp312-cp312-macosx_11_0_arm64")
    for tag in tags:
        index.put(wheel("fast", "1.0", tags=tag), "fast")
    done = collect(
        tmp_path, index, "fast", "demo==1.0", "--into", "kgs", "--python", sys.executable, "--platform", "win_amd64",
        *("--python-version", "3.12", "--python-version", "3.13"),
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert files_in(tmp_path / "kgs") == [SAME[0], f"fast-1.0-{tags[0]}.whl", f"fast-1.0-{tags[1]}.whl"]
    assert done.out.splitlines()[-1] == "kgs: 3 found"


@pytest.mark.parametrize("through", ["the command line", "the dependency of a wheel"])
def test_what_would_have_to_be_built_is_refused_and_its_code_does_not_run(
    tmp_path: Path, tree: Index, through: str
) -> None:
    """pip does not apply --only-binary to folders and URLs."""
    MARKER.unlink(missing_ok=True)
    source = tmp_path / "own-1.0"
    for path, content in sdist_members("own", "1.0").items():
        if not path.endswith("/"):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content)
    tree.put(wheel("sly", "1.0", metadata_extra=f"Requires-Dist: own @ {source.as_uri()}\n"), "sly")
    wanted = str(source) if through == "the command line" else "sly"
    done = collect(tmp_path, tree, wanted, "--into", "kgs", "--python", sys.executable)
    assert (done.code, done.out) == (1, "")
    assert "it would have to be built, which runs its code" in done.err
    assert not MARKER.exists()


def test_sdists_come_in_the_same_versions_and_their_code_does_not_run(tmp_path: Path, tree: Index) -> None:
    """pip itself would build their metadata. A second run fetches nothing."""
    MARKER.unlink(missing_ok=True)
    for archive in (sdist("library", "1.0"), sdist("library", "2.0")):
        tree.put(archive, "library")
    arguments = ("library<2", "--sdists", "--python", sys.executable, "--into", "kgs")
    done = collect(tmp_path, tree, *arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"library 1.0: found: {LIBRARY}",
        "library 1.0: found: library-1.0.tar.gz",
        "kgs: 2 found",
    ]
    assert (tmp_path / "kgs" / "library-1.0.tar.gz").read_bytes() == sdist("library", "1.0")[1]
    assert tree.sent() >= {"library-1.0.tar.gz"}
    assert (collect(tmp_path, tree, *arguments).out, tree.sent()) == (done.out, set())
    lacking = collect(tmp_path, tree, "app", *arguments[1:])
    assert lacking.code == 1
    assert "app 1.0: not found: no sdist: No matching distribution found for app==1.0" in lacking.out.splitlines()
    assert not MARKER.exists()


@pytest.mark.parametrize("section", ["global", "globals"])
def test_the_indexes_and_versions_of_compoze_are_used(tmp_path: Path, tree: Index, section: str) -> None:
    """And not those of pip's configuration; its documentation calls the section otherwise than its program."""
    tree.put(wheel("Pinned", "1.5"), "pinned")
    add(tmp_path / "links", wheel("linked", "3.0"))
    text = f"[{section}]\npath = kgs\nverbose = false\nindex-url =\n  {tree.url}\n"
    text += f"find-links = {tmp_path}/links\n[versions]\nPinned = 1.5\nlibrary = <2\nlinked|extra = >=3,<4\n"
    file = compoze_config(tmp_path, text)
    elsewhere = Index(tmp_path / "elsewhere")
    try:
        done = collect(tmp_path, elsewhere, "--compoze-config", file, "--python", sys.executable)
    finally:
        elsewhere.close()
    assert done.code == 0, done
    assert files_in(tmp_path / "kgs") == [LIBRARY, wheel("linked", "3.0")[0], "pinned-1.5-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("text", "told"),
    {
        "[server]\nport = 1\n": "has neither [global] nor [versions]: it is no configuration of compoze.",
        "path = kgs\n": "can't be read as a configuration of compoze: File contains no section headers.",
        "[global]\nindex_url = x\n": "compoze has no setting 'index_url'.",
        "[global]\nfetch-site-packages = perhaps\n": "fetch-site-packages is 'perhaps'.",
        "[versions]\ndemo = 1.0 or so\n": "[versions] demo = 1.0 or so: this is no requirement.",
    }.items(),
)
def test_a_faulty_configuration_of_compoze_is_named_with_its_fault(
    tmp_path: Path, index: Index, text: str, told: str
) -> None:
    done = collect(tmp_path, index, "--compoze-config", compoze_config(tmp_path, text))
    assert (done.code, done.out, told in done.err) == (2, "", True), done.err
