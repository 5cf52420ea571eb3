"""What several test files need: the shared test data, and payloads of CloudWatch Logs."""

from __future__ import annotations

import gzip
import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings


def draws(most: int) -> int:
    """How many examples to draw: `make test` is for every few minutes, `make test-all` for all."""
    return most if "THOROUGH" in os.environ else max(10, most // 4)


# Patterns leave few of the texts that are drawn, and a busy machine is slow: neither is a defect.
# Where a push must not fail by the luck of the draw, the draw is the same each time.
settings.register_profile(
    "trailbell",
    deadline=None,
    max_examples=draws(100),
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
settings.load_profile("trailbell")

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Beside the repository: recorded corpora and hostile payloads, too large to be part of it."""
REQUIRED = "SHARED_REQUIRED"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of the shared test data. Without it a test skips, or fails if it is required."""
    if not SHARED.is_dir():
        word = f"needs the shared test data in {SHARED}"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{word} ({REQUIRED} is 1)")
        pytest.skip(word)
    return SHARED


def packed(envelope: object) -> dict[str, Any]:
    """An envelope of CloudWatch Logs as the function gets it. Text and bytes go in as they are."""
    if isinstance(envelope, str | bytes):
        raw = envelope.encode() if isinstance(envelope, str) else envelope
    else:
        raw = json.dumps(envelope).encode()
    return {"awslogs": {"data": b64encode(gzip.compress(raw, 1)).decode()}}


def envelope(*log_events: object, **fields: object) -> dict[str, Any]:
    """An envelope around log events; strings and dicts without a message become messages."""
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "org-trail",
        "logStream": "111122223333_CloudTrail_us-east-1",
        "subscriptionFilters": ["trailbell"],
        "logEvents": list(log_events),
        **fields,
    }


def logged(*messages: object, **fields: object) -> dict[str, Any]:
    """A payload with a log event for each message; a record becomes its compact JSON text."""
    return packed(envelope(*map(log_event, messages), **fields))


def log_event(message: object) -> dict[str, Any]:
    text = message if isinstance(message, str) else compact(message)
    return {"id": "37", "timestamp": 1_773_763_792_000, "message": text}


def compact(record: object) -> str:
    """The text of a record, as CloudTrail writes it."""
    return json.dumps(record, separators=(",", ":"))


def records(folder: Path, *names: str) -> Iterator[dict[str, Any]]:
    """The records of the shared corpora, labels taken off; all of them where no name is given."""
    for file in sorted(folder.glob("events/*.ndjson")):
        if not names or file.stem in names:
            for line in file.read_text().splitlines():
                value = json.loads(line)
                record = value.get("event", value)
                if isinstance(record, dict):
                    yield record


def batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The items, so many at a time."""
    rows = list(items)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
