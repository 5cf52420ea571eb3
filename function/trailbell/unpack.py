"""base64, gzip and JSON that somebody else wrote, read in bounded memory.

Every error names the thing at fault, as the caller calls it.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from io import BytesIO

from pydantic_core import from_json

from trailbell.errors import PayloadError

SIZE_LIMIT = 64 << 20  # bytes; 648 kB of base64 can hold 500 MB, the largest real payload about 10
CHUNK = 4 << 20  # bytes; the usual payload fits into one
GZIP_OR_ZLIB = 47  # zlib's window bits: 15, plus 32 to tell the two headers apart
GZIP = b"\x1f\x8b"
BOM = "\ufeff"
BEGINNINGS = (b"{", b"[")  # of JSON; neither gzip nor zlib begins so


def parse(text: str) -> object:
    """The JSON value of a text; None where it is none (null counts as none)."""
    text = text.removeprefix(BOM)
    try:
        return from_json(text)
    except (ValueError, TypeError):
        try:  # slower, and takes lone surrogates, which from_json refuses in two ways
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


def dumped(value: object) -> str:
    """A value as JSON; a remark in place of one that Python cannot write."""
    try:
        return json.dumps(value)
    except (ValueError, RecursionError):
        return f"(a {type(value).__name__} that is nested too deeply to show)"


def from_base64(data: object, name: str) -> bytes:
    """:raises PayloadError: it is no text, or no base64."""
    if not isinstance(data, str):
        raise PayloadError(f"{name} is missing or no text; expected base64 of gzip")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise PayloadError(f"{name} is not base64") from None


def document(raw: bytes, name: str) -> object:
    """The JSON value of some bytes.

    :raises PayloadError: they hold none.
    """
    try:
        return from_json(raw, cache_strings="keys")  # no two messages are alike
    except ValueError:
        try:  # a byte that is not UTF-8 costs that byte, not the batch
            return json.loads(raw.decode("utf-8", "replace").removeprefix(BOM))
        except (ValueError, RecursionError):
            raise PayloadError(f"{name} holds no JSON") from None


def unzipped(packed: bytes, name: str) -> bytes:
    """What gzip or zlib data holds.

    :raises PayloadError: it is cut, broken, neither of the two, or holds more than SIZE_LIMIT.
    """
    raw = BytesIO()  # grows in place and gives its bytes away: a list to join needs twice the room
    inflater = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        while packed and not inflater.eof:
            raw.write(inflater.decompress(packed, CHUNK))
            if raw.tell() > SIZE_LIMIT:
                raise PayloadError(f"{name} holds more than {SIZE_LIMIT >> 20} MiB")
            packed = inflater.unconsumed_tail
    except zlib.error as error:
        raise PayloadError(f"{name} is no gzip or zlib data: {error}") from None
    if not inflater.eof:
        raise PayloadError(f"{name} ends early: the compressed data is cut")
    if inflater.unused_data.startswith(GZIP):
        raise PayloadError(f"{name} is several gzip files in one: send each by itself")
    return raw.getvalue()


def perhaps_unzipped(raw: bytes, name: str) -> bytes:
    """What gzip or zlib data holds; plain JSON as it is.

    :raises PayloadError: as `unzipped`.
    """
    if not raw[:64].removeprefix(BOM.encode()).lstrip().startswith(BEGINNINGS):
        return unzipped(raw, name)
    if len(raw) > SIZE_LIMIT:
        raise PayloadError(f"{name} holds more than {SIZE_LIMIT >> 20} MiB")
    return raw
