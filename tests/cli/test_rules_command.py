from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run

CUSTOM = '''
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Rule

class BucketDeleted(Rule):
    """A bucket was deleted."""
    id = "bucket-deleted"
    severity = "medium"
    actions = ("s3:DeleteBucket",)
    def match(self, event: Event) -> bool:
        return True
    def title(self, event: Event) -> Text:
        return say("{} deleted {}", event.actor, event.text("requestParameters.bucketName"))

'''


def described(out: str) -> dict[str, dict[str, object]]:
    return {rule["id"]: rule for rule in map(json.loads, out.splitlines())}


def test_each_rule_as_json(run: Run) -> None:
    """A rule's object has the promised fields; tunables show their values."""
    rules = described(run("rules", "--format", "json").out)

    assert rules["access-key-created"] == {
        "id": "access-key-created",
        "title": "An access key was created.",
        "severity": "high",
        "enabled": True,
        "group": "identity",
        "actions": ["iam:CreateAccessKey"],
        "attack": "T1098.001",
        "cis": {},
        "tunables": {"allow_actors": [], "allow_users": [], "alert_on_self": True},
    }
    assert rules["root-console-login"]["cis"] == {
        "1.2": "3.3",
        "1.4-5.0": "4.3",
        "6.0-7.0": "5.3",
        "securityhub": "CloudWatch.1",
    }
    assert rules["off-hours-activity"]["enabled"] is False


def test_settings_show(run: Run) -> None:
    """The list is that of the settings: preset, overrides, and a user's own rules."""
    Path("configs.py").write_text(
        CUSTOM + 'PRESET = "iam-user"\nTIMEZONE = "Europe/Berlin"\nCUSTOM_RULES = [BucketDeleted]\n'
        'RULES = {"off-hours-activity": {"enabled": True, "start": 20, "severity": "high"}}\n'
    )

    rules = described(run("rules", "--format", "json").out)

    assert {rule for rule, about in rules.items() if about["enabled"]} == {
        "iam-user-activity",
        "off-hours-activity",
        "bucket-deleted",
    }
    assert rules["bucket-deleted"]["group"] == "custom"
    tuned = rules["off-hours-activity"]
    assert tuned["severity"] == "high"
    assert tuned["tunables"]["start"] == 20  # type: ignore[index]
    assert tuned["tunables"]["timezone"] == "Europe/Berlin"  # type: ignore[index]


@pytest.mark.parametrize("columns", ["40", "100"])
def test_the_table_fits(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """On a narrow terminal nothing is cut away."""
    monkeypatch.setenv("COLUMNS", columns)

    ran = run("rules")

    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= int(columns)
    assert "…" not in ran.out


def test_tunables_with_their_values(run: Run) -> None:
    """--tunables shows what can be tuned, as it is set."""
    Path("configs.py").write_text('RULES = {"access-key-created": {"allow_actors": ["robot"]}}')

    out = " ".join(run("rules", "--tunables").out.split())

    assert 'allow_actors = ["robot"] allow_users = [] alert_on_self = true' in out
