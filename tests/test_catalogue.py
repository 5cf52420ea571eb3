"""The rules against the catalogue that they were written from, in the shared test data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from trailbell import rules
from trailbell.engine import Engine
from trailbell.model import Event, action_name
from trailbell.policy import ESCALATION_ACTIONS
from trailbell.rules.base import Rule, find
from trailbell.state.memory import MemoryState

FOUND = find(rules)
ADMIN = FOUND["admin-policy-attached"]().tunables()
SAME_WORD = {"both": "report-same", "custom": "keep"}
"""The catalogue's words for what a rule's own condition decides, in the words of Rule."""

PARAMETERS: dict[str, dict[str, Any]] = {
    # The user's TIMEZONE stands in for it: rules/presets.py.
    "off-hours-activity": {"timezone": ""},
    # Named in the condition, forgotten among the parameters.
    "signin-token-pivot": {"include_sso": False},
    # Ours: an honest program rings only where it changes rights, else each upload with it would.
    "suspicious-user-agent": {"only_iam_writes": ["S3 Browser"]},
    # Ours: the parts that the Terraform module makes are known by it without a setting.
    "alerting-self-tampered": {"name_prefix": "trailbell"},
    # References to other places of the catalogue.
    "dangerous-inline-policy": {"escalation_actions": list(ESCALATION_ACTIONS)},
    "sso-admin-policy-attached": {
        name: list(ADMIN[name]) for name in ("admin_policies", "admin_name_patterns")
    },
}
"""Where our settings differ from the catalogue's, or it names them without values."""

LEFT_OUT = {
    # They carry no role that the condition could look at; AssociateTeamMember's projectRole is
    # one of CodeStar, which is closed.
    "privesc-via-compute": {
        "AssociateTeamMember", "CreateEventSourceMapping", "CreatePipeline",
        "CreatePresignedNotebookInstanceUrl",
    },
}  # fmt: skip
"""Event names of the catalogue that a rule does not look at."""


@pytest.fixture(scope="module")
def document(shared: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((shared / "rules" / "catalogue.yaml").read_text())
    return parsed


@pytest.fixture(scope="module")
def catalogue(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {rule["id"]: rule for rule in document["rules"]}


def test_all_are_shipped(catalogue: dict[str, dict[str, Any]]) -> None:
    """Each rule of the catalogue is there, in its group; there are no others."""
    ours = {rule_id: rule.group() for rule_id, rule in FOUND.items()}

    assert ours == {rule_id: rule["group"] for rule_id, rule in catalogue.items()}


def described(rule: type[Rule]) -> dict[str, Any]:
    return {
        "severity": str(rule.severity),
        "on_by_default": rule.on_by_default,
        "attack": rule.attack,
        "cis": dict(rule.cis),
        "failed_calls": rule.failed_calls,
        "service_invoked": rule.service_calls,
        "needs_state": rule.needs_state,
    }


@pytest.mark.parametrize("rule_id", sorted(FOUND))
def test_description(catalogue: dict[str, dict[str, Any]], rule_id: str) -> None:
    """What the class says of the rule is what the catalogue says."""
    expected = {"cis": {}} | catalogue[rule_id]
    ours = described(FOUND[rule_id])

    assert ours == {name: SAME_WORD.get(str(expected[name]), expected[name]) for name in ours}


@pytest.mark.parametrize("rule_id", sorted(FOUND))
def test_parameters(catalogue: dict[str, dict[str, Any]], rule_id: str) -> None:
    """The tunables and their defaults are the catalogue's, or the difference has a reason here."""
    expected = catalogue[rule_id]["parameters"] | PARAMETERS.get(rule_id, {})
    ours = FOUND[rule_id]().tunables()

    assert {
        name: list(of) if isinstance(of, tuple) else of for name, of in ours.items()
    } == expected


def test_escalation_actions(document: dict[str, Any]) -> None:
    """The actions that policies are searched for are those of the catalogue's definition."""
    defined = document["definitions"]["policy_document"]["escalation_actions"]

    assert list(ESCALATION_ACTIONS) == defined


@pytest.mark.parametrize("rule_id", sorted(FOUND))
def test_events(catalogue: dict[str, dict[str, Any]], rule_id: str) -> None:
    """A rule sees each of the catalogue's events; its condition decides on them."""
    rule = FOUND[rule_id]
    names = set(catalogue[rule_id]["event_names"])
    if not rule.actions or rule.identities or any(name in ("*", "Get*") for name in names):
        assert "*" in names or rule.needs_state, "asked about any event, without need"
        return
    sources = {of.removesuffix(".amazonaws.com") for of in catalogue[rule_id]["event_sources"]}
    left_out = LEFT_OUT.get(rule_id, set())

    plain = {name.rstrip("*") for name in names} - left_out
    seen = {action.partition(":")[2] for action in rule.actions}

    assert all(action_name(name) == name for name in plain)
    assert plain <= seen
    assert not left_out & seen, "not left out"
    assert left_out or sources <= {action.partition(":")[0] for action in rule.actions}


def test_examples(shared: Path) -> None:
    """Of each pair the first record rings at the severity that it names, the other stays quiet."""
    pairs = yaml.safe_load((shared / "rules" / "examples.yaml").read_text())
    wrong = []
    for number, pair in enumerate(pairs):
        for record, expected in ((pair["positive"], [pair["severity"]]), (pair["negative"], [])):
            alerts = Engine([FOUND[pair["rule"]]()], MemoryState()).alerts([Event(record)])
            if [str(alert.severity) for alert in alerts] != expected:
                wrong.append((number, pair["rule"], record["eventName"], expected, alerts))

    assert wrong == []
