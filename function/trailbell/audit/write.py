"""What an audit leaves: CSV, JSON and a manifest, whole or not at all, for its owner's eyes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from trailbell import __version__
from trailbell.errors import ConfigError

MANIFEST = "manifest.json"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for a formula, in full width too.
https://owasp.org/www-community/attacks/CSV_Injection
"""


def defused(value: str) -> str:
    """A value that no spreadsheet runs.

    >>> defused('=HYPERLINK("https://evil.example")')
    '\\'=HYPERLINK("https://evil.example")'
    """
    return f"'{value}" if value.startswith(FORMULA) else value


class Folder:
    """Where the files of one run go. A file appears when it is whole, readable for its owner only.

    :raises ConfigError: it cannot be made or written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, str] = {}
        """What was written: a name, and the SHA-256 of its bytes."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, probe = tempfile.mkstemp(dir=path, prefix=".trailbell-")
            os.close(descriptor)
            Path(probe).unlink()
        except OSError as error:
            raise ConfigError(f"cannot write into {path}: {error.strerror}") from None

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        """A file to write; it takes its name when the block ends well."""
        descriptor, partial = tempfile.mkstemp(dir=self.path, prefix=f".{name}-")  # mode 0600
        try:
            # What is no character (half of a pair) stands as an escape, and costs no run.
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace",
                      newline="") as file:  # fmt: skip
                yield file
                file.flush()
                os.fsync(file.fileno())
            with Path(partial).open("rb") as written:
                self.files[name] = hashlib.file_digest(written, "sha256").hexdigest()
            Path(partial).replace(self.path / name)
        except OSError as error:
            raise ConfigError(f"cannot write {self.path / name}: {error.strerror}") from None
        finally:
            Path(partial).unlink(missing_ok=True)

    def csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table: commas, CRLF, quotes where they are needed; the header even where it is all."""
        with self.open(name) as file:
            write_rows(file, [header])
            write_rows(file, rows)

    def json(self, name: str, value: object) -> None:
        with self.open(name) as file:
            json.dump(value, file, indent=4)
            file.write("\n")

    def text(self, name: str, text: str) -> None:
        with self.open(name) as file:
            file.write(text)

    def manifest(self, facts: Mapping[str, Any]) -> None:
        """What the run was, and the SHA-256 of every file of it. An older one is kept."""
        old = self.path / MANIFEST
        if old.is_file():
            made = datetime.fromtimestamp(old.stat().st_mtime, UTC)
            old.replace(self.path / f"manifest-until-{made:%Y-%m-%dT%H-%M-%S.%f}.json")
        files = dict(self.files)
        self.json(MANIFEST, {"trailbell": __version__, **facts, "files": files})


def write_rows(file: TextIO, rows: Iterable[Sequence[object]]) -> None:
    """Rows of a CSV file, their texts defused."""
    writer = csv.writer(file)
    for row in rows:
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in row])
