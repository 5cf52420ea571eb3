"""Records in the forms in which people keep them, read a batch at a time."""

from __future__ import annotations

import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.progress import Progress

from trailbell import payload
from trailbell.cli.common import progress_bar
from trailbell.errors import PayloadError
from trailbell.model import Event

CHUNK = 500  # documents that are read together
GZIP = b"\x1f\x8b"
WHOLE = 256 << 20  # bytes of a document that is not one record a line


def progress(task: str, files: tuple[str, ...]) -> Any:
    """A bar for what is read of the files."""
    sizes = [Path(name).stat().st_size for name in files if Path(name).is_file()]
    return progress_bar(task, sum(sizes) if len(sizes) == len(files) else None)


def batches(
    files: tuple[str, ...], wants: Callable[[str], bool], bar: Progress | None = None
) -> Iterator[payload.Batch]:
    """The records of the files; - is standard input.

    :param wants: says of a record's text whether anybody may want it; see Engine.wants.
    :raises click.ClickException: names the file and why it cannot be read.
    """
    for name in files:
        try:
            with _opened(name) as raw:
                documents = _documents(_unzipped(raw))
                done = 0
                while chunk := list(islice(documents, CHUNK)):
                    batch = _batch(chunk, wants)
                    if batch.events and not any(map(_is_record, batch.events)):
                        raise PayloadError("holds JSON, but no CloudTrail records")
                    yield batch
                    if bar and raw.seekable():
                        bar.advance(bar.task_ids[0], raw.tell() - done)
                        done = raw.tell()
        except PayloadError as error:
            raise click.ClickException(f"{name}: {error}") from None
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise click.ClickException(f"{name}: {reason}") from None


def _batch(documents: list[str], wants: Callable[[str], bool]) -> payload.Batch:
    batch = payload.Batch()
    for text in documents:
        part = payload.from_text(text, wants)
        batch.records += part.records
        batch.unreadable += part.unreadable
        batch.events += part.events
    return batch


def _is_record(event: Event) -> bool:
    return bool({"eventName", "eventSource", "eventVersion", "userIdentity"} & event.raw.keys())


def _opened(name: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb")


def _unzipped(raw: BinaryIO) -> Iterable[bytes]:
    """The lines of a file, unzipped where it is zipped."""
    start = raw.read(len(GZIP))
    whole = io.BufferedReader(_Rejoined(start, raw))
    return gzip.GzipFile(fileobj=whole) if start == GZIP else whole


class _Rejoined(io.RawIOBase):
    """A stream that cannot be wound back (standard input), with its first bytes before it."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._start or self._rest.read(len(buffer))
        self._start = b""
        buffer[: len(data)] = data
        return len(data)


def _documents(stream: Iterable[bytes]) -> Iterator[str]:
    """The JSON documents of a file: one a line, or one that takes up the whole file."""
    lines = (text for line in stream if (text := line.decode("utf-8", "replace").strip()))
    first = next(lines, "")
    if not first:
        return
    if _is_json(first):
        yield first
    else:
        rest = list(islice(lines, WHOLE // 1000))
        whole = "\n".join([first, *rest])
        if _is_json(whole):
            yield whole
        elif any(_is_json(line) for line in rest[:10]):
            yield from chain([first], rest)
        else:
            raise PayloadError("holds no JSON: expected CloudTrail records")
    yield from lines


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
