"""Events that somebody else labelled: the unit tests of panther-analysis.

``data/labels.toml`` says which of our rules ask what upstream's ask, which have no counterpart and
why, and each label that we do not share.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trailbell import rules
from trailbell.engine import Engine
from trailbell.model import Event
from trailbell.rules.base import find, severity_named
from trailbell.state.memory import MemoryState

FOUND = find(rules)
TABLE = tomllib.loads((Path(__file__).parent / "data" / "labels.toml").read_text())
MAPPED: dict[str, dict[str, Any]] = TABLE["mapped"]
AGREEMENT = 0.95


@pytest.fixture(scope="module")
def labels(shared: Path) -> list[dict[str, Any]]:
    lines = (shared / "events" / "panther_labels.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


def rings(event: Event, mapping: dict[str, Any]) -> bool:
    """Whether any of the mapped rules tells of the event, at a severity that the mapping takes."""
    tuned = [FOUND[rule_id].tuned(settings) for rule_id, settings in mapping["rules"].items()]
    least = severity_named(mapping.get("least", "info"), "least")
    most = severity_named(mapping.get("most", "critical"), "most")
    alerts = Engine(tuned, MemoryState()).alerts([event])
    assert all(alert.rule in mapping["rules"] for alert in alerts), "a rule failed"
    return any(least <= alert.severity <= most for alert in alerts)


def judged(labels: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Each label that we have a rule for, and whether we share it.

    Left out: tests that patch functions of the rule (tables of a site, what is known of the past),
    and records of other vendors, or of nobody, in rules for many logs.
    """
    for label in labels:
        mapping = MAPPED.get(label["rule_id"])
        if not mapping or label["depends_on_mocks"] or not label["looks_like_cloudtrail"]:
            continue
        if mapping["rules"].keys() <= FOUND.keys():  # tests/test_catalogue.py misses the others
            yield label["label_id"], rings(Event(label["event"]), mapping) is label["expected"]


def test_labels(labels: list[dict[str, Any]]) -> None:
    """At least 95 % of the labels are shared, and why the others are not is written down."""
    result = dict(judged(labels))

    assert {label for label, same in result.items() if not same} == set(TABLE["disagreements"])
    assert len(result) > 100
    assert sum(result.values()) / len(result) >= AGREEMENT


def test_each_rule_of_upstream_is_in_the_table(labels: list[dict[str, Any]]) -> None:
    """Mapped, or unmapped with a reason, and not both."""
    upstream = {label["rule_id"] for label in labels}

    assert upstream == MAPPED.keys() | TABLE["unmapped"].keys()
    assert not MAPPED.keys() & TABLE["unmapped"].keys()
    assert all(TABLE["unmapped"].values()) and all(TABLE["disagreements"].values())


def test_what_the_catalogue_says_of_upstream_is_in_the_table(
    shared: Path, labels: list[dict[str, Any]]
) -> None:
    """A rule of upstream that the catalogue names as a source is mapped to what came of it."""
    catalogue = yaml.safe_load((shared / "rules" / "catalogue.yaml").read_text())["rules"]
    files = {label["rule_id"]: Path(label["file"]).stem for label in labels}
    for upstream, stem in files.items():
        came_of_it = {
            rule["id"] for rule in catalogue if any(f"/{stem}." in at for at in rule["provenance"])
        }
        if came_of_it:
            assert came_of_it & MAPPED[upstream]["rules"].keys(), upstream
