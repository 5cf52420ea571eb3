"""Makes a screenshot small: a PNG with a palette of its 255 commonest colours.

Text on plain ground has few colours, so nobody sees the difference; the file is a third.
https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cache

HEAD = b"\x89PNG\r\n\x1a\n"
DEEP = 8  # bits a channel
CHANNELS = {2: 3, 6: 4}  # of the colour types RGB and RGBA
INDEXED = 3
COLOURS = 255

Pixel = tuple[int, int, int]


def small(png: bytes) -> bytes:
    """The picture, with a palette.

    :param png: 8 bits a channel, RGB or RGBA without transparency, not interlaced.
    """
    parts = list(_chunks(png))
    header = struct.unpack(">IIBBBBB", next(data for name, data in parts if name == b"IHDR"))
    width, height, depth, kind, *_, interlaced = header
    if depth != DEEP or kind not in CHANNELS or interlaced:
        raise ValueError("expected 8 bits a channel, RGB or RGBA, not interlaced")
    data = zlib.decompress(b"".join(data for name, data in parts if name == b"IDAT"))
    rows = list(_rows(data, width * CHANNELS[kind], CHANNELS[kind]))
    pixels = [list(zip(*(row[c :: CHANNELS[kind]] for c in range(3)), strict=True)) for row in rows]
    palette = [
        colour for colour, _ in Counter(p for row in pixels for p in row).most_common(COLOURS)
    ]

    @cache
    def nearest(pixel: Pixel) -> int:
        distances = [sum((a - b) ** 2 for a, b in zip(pixel, c, strict=True)) for c in palette]
        return distances.index(min(distances))

    indexed = b"".join(b"\0" + bytes(map(nearest, row)) for row in pixels)
    return HEAD + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, DEEP, INDEXED, 0, 0, 0)),
            (b"PLTE", b"".join(map(bytes, palette))),
            (b"IDAT", zlib.compress(indexed, 9)),
            (b"IEND", b""),
        )
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(HEAD)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _rows(data: bytes, length: int, step: int) -> Iterator[bytes]:
    """The rows with their filters undone. https://www.w3.org/TR/png-3/#9Filters"""
    above = bytes(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + length])
        for i in range(length if kind else 0):
            left = row[i - step] if i >= step else 0
            up, corner = above[i], above[i - step] if i >= step else 0
            row[i] = (row[i] + _guess(kind, left, up, corner)) & 0xFF
        above = bytes(row)
        yield above


def _guess(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        near = left + up - corner
        return min((left, up, corner), key=lambda value: abs(near - value))
    return (0, left, up, (left + up) // 2)[kind]
