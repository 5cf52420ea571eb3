"""CPU per event of `lambda_handler`, beside the floor: the cheapest plain decode of a payload.

    python benchmarks/handler.py [--payload FILE…] [--json]

The floor is gzip, then orjson for the envelope and for each message. Both are taken in turn in
this process, at least nine times after a warm-up; the ratio is that of the medians. FILE holds a
Lambda event, ``{"awslogs": …}``; without one, payloads of traffic.py are used.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

import door
import traffic
from pairs import compare
from sink import Sink


def floor(packed: bytes) -> int:
    """Decode it all, and do nothing with it: the number of messages."""
    messages = [
        orjson.loads(entry["message"])
        for entry in orjson.loads(gzip.decompress(packed))["logEvents"]
    ]
    return len(messages)


def figures(payloads: Iterable[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    with Sink() as sink:
        handler = door.handler(sink.url)
        for name, payload in payloads:
            packed = base64.b64decode(payload["awslogs"]["data"])
            events = floor(packed)
            before = sink.posts()
            handler(payload)
            posts = sink.posts() - before
            ours, least = compare(partial(handler, payload), partial(floor, packed))
            yield {
                "payload": name,
                "events": events,
                "cpu_us_per_event": round(ours / events * 1e6, 3),
                "floor_us_per_event": round(least / events * 1e6, 3),
                "ratio": round(ours / least, 3),
                "posts": posts,
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--payload", nargs="+", action="extend", type=Path, default=[], metavar="FILE"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a payload")
    options = parser.parse_args()
    payloads: Iterable[tuple[str, Any]] = (
        ((str(file), json.loads(file.read_bytes())) for file in options.payload)
        if options.payload
        else ((name, traffic.payload(make())) for name, make in traffic.PAYLOADS.items())
    )
    if not options.json:
        print(
            f"{'payload':<20} {'events':>6} {'us/event':>9} {'floor':>7} {'ratio':>6} {'posts':>6}"
        )
    for line in figures(payloads):
        name, events, ours, least, ratio, posts = line.values()
        table = f"{name:<20} {events:>6} {ours:>9.2f} {least:>7.2f} {ratio:>6.2f} {posts:>6}"
        print(json.dumps(line) if options.json else table, flush=True)


if __name__ == "__main__":
    main()
