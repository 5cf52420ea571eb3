"""What the Terraform module and the function have to agree on."""

from __future__ import annotations

import re
from pathlib import Path

from trailbell import channels
from trailbell.channels.base import find
from trailbell.notifier import COUNTS
from trailbell.settings import DOCUMENT, NAMES, PREFIX, Mute

INFRA = Path(__file__).parent.parent / "infra"
VARIABLES = (INFRA / "variables.tf").read_text()


def listed(before: str) -> set[str]:
    """The words of the list that follows this text in variables.tf."""
    found = re.search(re.escape(before) + r"\[([^\]]*)\]", VARIABLES)
    assert found, before
    return set(re.findall(r'"([^"]+)"', found[1]))


def test_channels() -> None:
    """The module knows the types of channels and what they take, and nothing else."""
    kinds = {name: load() for name, load in find(channels).items()}
    fields = {field for kind in kinds.values() for field in kind.model_fields}

    assert listed("for channel in var.config.channels : contains(") == kinds.keys()
    assert listed("setsubtract(keys(channel), ") == fields


def test_mutes() -> None:
    """Nor does it refuse a mute's condition, or let another one through."""
    assert listed("setsubtract(keys(mute), ") == Mute.model_fields.keys()


def test_environment() -> None:
    """The variables that it sets are settings."""
    text = "".join(file.read_text() for file in INFRA.glob("*.tf"))
    names = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", text))

    assert names - {DOCUMENT} <= {PREFIX + name for name in NAMES}
    assert f"{PREFIX}LEDGER_TABLE" in names


def test_metric_filters() -> None:
    """They count fields of the line that an invocation leaves."""
    patterns = re.findall(r'pattern\s*=\s*"\{ ?\$\.([a-z_]+)', (INFRA / "alarms.tf").read_text())

    assert patterns
    assert set(patterns) <= {*COUNTS, "ledger_errors", "dead", "held", "retried", "unrouted"}
