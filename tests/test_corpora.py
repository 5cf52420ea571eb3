"""Recorded records of real accounts, from the shared test data."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from conftest import batches, compact, logged, records
from trailbell import app, payload
from trailbell.channels.stdout import Stdout
from trailbell.compose import compose
from trailbell.engine import RULE_ERROR
from trailbell.model import Event
from trailbell.settings import Settings

CORPORA = [
    "awsdocs", "custodian", "fivexl", "grycap", "invictus", "opensearch", "otrf", "panther_labels",
    "sample_day", "technique_labels", "traildiscover", "trailscraper",
]  # fmt: skip
BELL = app.bell(Settings(CHANNELS=(Stdout(name="stdout"),)), everything=True)


def unique(folder: Path, *names: str) -> list[dict[str, Any]]:
    """The records, each id once: two payloads cannot know of each other without a ledger."""
    known: dict[str, dict[str, Any]] = {}
    for record in records(folder, *names):
        event_id = Event(record).id
        known.setdefault(event_id or compact(record), record)
    return list(known.values())


def alerts(found: list[dict[str, Any]], size: int) -> list[tuple[str, str, str, str]]:
    """The alerts of the records at so many in a payload."""
    told = []
    for batch in batches(found, size):
        read = payload.read(logged(*batch), BELL.engine.wants)
        assert (read.records, read.unreadable) == (len(batch), [])
        ring, _ = BELL.alerts(read.events)
        told += [(a.event.id, a.rule, str(a.severity), str(a.title)) for a in ring]
    return told


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_size_of_a_payload_changes_nothing(shared: Path, corpus: str) -> None:
    """The same alerts come out, in the same order, at 1, 20 and 200 records a payload."""
    found = unique(shared, corpus)

    assert found
    assert alerts(found, 1) == alerts(found, 20) == alerts(found, 200)


def test_all_corpora_are_known(shared: Path) -> None:
    """A corpus that is added is tested."""
    assert sorted(file.stem for file in shared.glob("events/*.ndjson")) == CORPORA


def test_no_rule_fails(shared: Path) -> None:
    """No rule raises for any record that was ever recorded, and each alert can be told."""
    rules = Counter[str]()
    for batch in batches(records(shared), 200):
        events = [Event(record) for record in batch]
        ring, _ = BELL.alerts(events)
        rules.update(alert.rule for alert in ring)
        for group in BELL.groups(ring).get("stdout", []):
            assert Stdout().render(compose(group, BELL.reader()))["text"]

    assert rules[RULE_ERROR] == 0
    assert len(rules) >= 10


def test_the_story_of_the_sample_day(shared: Path) -> None:
    """What the sample day tells is told, by the rules that are here; the routine stays quiet."""
    story = json.loads((shared / "events" / "sample_day_story.json").read_text())
    rows = story if isinstance(story, list) else story["records"]
    here = {rule.id for rule in BELL.rules}
    expected = {(row["eventID"], rule) for row in rows for rule in row["rules"] if rule in here}

    told = {(row[0], row[1]) for row in alerts(list(records(shared, "sample_day")), 200)}

    assert expected <= told
    strange = {row for row in told - expected if row[1] != "iam-user-activity"}
    assert strange == set()
