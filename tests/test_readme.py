"""The README's shell blocks do what it says.

Every ```sh block is run, in a copy of the tree of its own, offline. One that needs AWS, a chat
or minutes has this on the line before it: <!-- not run: the reason -->
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(
    r"(?:^[ ]*<!-- not run: (?P<reason>[^\n]+) -->\n\n?)?"
    r"^(?P<indent>[ ]*)```sh\n(?P<code>.*?)^[ ]*```$",
    re.DOTALL | re.MULTILINE,
)
NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist"),
    *("configs.py", "function.zip"),
)


class Block(NamedTuple):
    """A shell block: the line of its fence, its code, and why it is not run, if it is not."""

    line: int
    code: str
    reason: str | None


def blocks(text: str) -> list[Block]:
    return [
        Block(
            text.count("\n", 0, match.start("indent")) + 1,
            re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE),
            match["reason"],
        )
        for match in BLOCK.finditer(text)
    ]


def readme() -> list[Block]:
    return blocks(README.read_text("utf-8")) if README.exists() else []


def test_blocks() -> None:
    """Fences in a list count, and only a reason keeps a block from being run."""
    text = "a\n```sh\none\n```\n<!-- not run: needs AWS -->\n```sh\ntwo\n```\n"
    text += "- b\n\n  ```sh\n  x\n  ```\n```json\n{}\n```\n<!-- not run: -->\n```sh\nthree\n```\n"
    assert blocks(text) == [
        Block(2, "one\n", None),
        Block(6, "two\n", "needs AWS"),
        Block(11, "x\n", None),
        Block(18, "three\n", None),
    ]


@pytest.mark.skipif(not README.exists(), reason="there is no README.md yet")
def test_readme_has_blocks() -> None:
    """A change of the README's fences does not quietly end these tests."""
    assert any(block.reason is None for block in readme())


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, id=f"line-{block.line}") for block in readme() if block.reason is None],
)
def test_readme(block: Block, tmp_path: Path) -> None:
    """The block ends well when it is typed in a fresh clone after make setup."""
    tree = tmp_path / "trailbell"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    (tree / ".venv").symlink_to(sys.prefix)
    around = {name: value for name, value in os.environ.items() if "TRAILBELL_" not in name}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],
        cwd=tree,
        env={**around, "PATH": f"{tree}/.venv/bin:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"
