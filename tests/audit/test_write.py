"""Files are whole or not there, and for their owner only."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from trailbell.audit.write import Folder, defused
from trailbell.errors import ConfigError


def test_atomic(tmp_path: Path) -> None:
    """What fails half-way leaves the old file as it was, and no other."""
    folder = Folder(tmp_path)
    folder.csv("a.csv", ["x"], [["1"]])

    def breaks() -> Iterator[list[str]]:
        yield ["2"]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        folder.csv("a.csv", ["x"], breaks())

    assert (tmp_path / "a.csv").read_bytes() == b"x\r\n1\r\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_mode(tmp_path: Path) -> None:
    """0600 for files and 0700 for a folder that is made, whatever the umask."""
    old = os.umask(0)
    try:
        folder = Folder(tmp_path / "new" / "er")
        folder.json("a.json", {})
    finally:
        os.umask(old)

    assert stat.S_IMODE((tmp_path / "new" / "er" / "a.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "er").stat().st_mode) == 0o700


def test_manifests(tmp_path: Path) -> None:
    """Another run in the same folder keeps the older run's manifest."""
    for number in range(3):
        folder = Folder(tmp_path)
        folder.text(f"{number}.txt", "x")
        folder.manifest({"run": number})

    assert json.loads((tmp_path / "manifest.json").read_text())["run"] == 2
    older = sorted(tmp_path.glob("manifest-until-*.json"))
    assert [json.loads(file.read_text())["run"] for file in older] == [0, 1]


def test_odd_texts(tmp_path: Path) -> None:
    """Half a character costs no file; quotes and commas stay in their cell."""
    folder = Folder(tmp_path)
    folder.csv("a.csv", ["x", "y"], [["\ud800", 'a "b", c']])

    assert (tmp_path / "a.csv").read_bytes() == b'x,y\r\n\\ud800,"a ""b"", c"\r\n'


@pytest.mark.parametrize("value", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_defused(value: str) -> None:
    """All that a spreadsheet may run."""
    assert defused(value) == f"'{value}"


@pytest.mark.parametrize("value", ["", "a=1", "012345678901", "2026-03-04 09:15:22+00:00", "Nunca"])
def test_left_alone(value: str) -> None:
    """The rest stays as it is."""
    assert defused(value) == value


def test_no_folder(tmp_path: Path) -> None:
    """A place that cannot be written to is told before anything is asked."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="cannot write into"):
        Folder(tmp_path / "file" / "x")
