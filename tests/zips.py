"""Builds zips for the tests, each in a copy of the tree, so that the real one stays as it is."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from build_zip import find_python

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["LICENSE", "function", "requirements", "scripts", "zip_function.sh"]


def copy_tree(target: Path) -> Path:
    """What zip_function.sh needs, without the developer's configs.py; this Python as .venv."""
    target.mkdir(parents=True)
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, target / name, ignore=shutil.ignore_patterns("__pycache__", "configs.py")
            )
        else:
            shutil.copy(source, target / name)
    (target / ".venv").symlink_to(sys.prefix)
    return target


def build(
    tree: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    umask: int = -1,
) -> subprocess.CompletedProcess[str]:
    """Run the zip_function.sh of a tree, with no settings around, and hand back what it said."""
    around = {name: value for name, value in os.environ.items() if "TRAILBELL_" not in name}
    return subprocess.run(
        ["bash", str(tree / "zip_function.sh"), *arguments],
        env={**around, **(env or {})},
        cwd=cwd or tree,
        umask=umask,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@functools.cache
def runnable() -> tuple[str, str]:
    """A version that a zip can be built for and run with here, and its Python: 3.13 if it can."""
    here = "{}.{}".format(*sys.version_info[:2])
    for version in ["3.13", here]:
        python = find_python(version)
        if python is not None:
            return version, python
    raise AssertionError(f"{sys.executable} is no released CPython")


@functools.cache
def zip_for(python: str) -> Path:
    """A zip for this Python and both architectures, built once in a run of the tests."""
    folder = tempfile.mkdtemp(prefix="trailbell-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tree = copy_tree(Path(folder, "tree"))
    done = build(tree, "--python", python)
    assert done.returncode == 0, done.stdout + done.stderr
    return tree / "function.zip"


def unzip(zipped: Path, target: Path) -> Path:
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(target)
    return target
