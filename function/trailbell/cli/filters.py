"""The presets of the subscription filter: infra/filters.json, which Terraform reads too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from trailbell.cli.common import counted, print_json, stderr
from trailbell.errors import PatternError
from trailbell.examples import hidden
from trailbell.names import nearest
from trailbell.pattern import Pattern
from trailbell.rules.base import Rule

NAME = "filters.json"


def presets() -> dict[str, str]:
    """The patterns by the presets' names."""
    # A wheel has a copy: beside its package another project's infra/ may lie.
    copy = Path(__file__).with_name(NAME)
    path = copy if copy.is_file() else Path(__file__).parents[3] / "infra" / NAME
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found


def pattern(text: str) -> Pattern:
    """The pattern that a user named: a preset's, or the text itself.

    :raises PatternError: when it is neither.
    """
    known = presets()
    if text in known:
        return Pattern(known[text])
    try:
        return Pattern(text)
    except PatternError as error:
        if text.lstrip().startswith("{"):
            raise
        raise PatternError(f"{error}; {text[:40]!r} is no preset{nearest(text, known)}") from None


def show_hidden(rules: Iterable[Rule], chosen: Pattern, form: str) -> bool:
    """Print what the pattern hides of the rules; whether it hides anything."""
    asked = list(rules)
    found = {rule.id: lost for rule in asked if (lost := hidden(rule, chosen.matches))}
    for rule_id, lost in sorted(found.items()):
        how = "wholly" if lost.wholly else "partly"
        if form == "json":
            print_json({"rule": rule_id, "hidden": how, "example": lost.example})
        else:
            colour = "red" if lost.wholly else "yellow"
            click.echo(f"{click.style(how, fg=colour)}  {rule_id:<30}  {lost.example}")
    stderr().print(f"{len(found)} of {counted(len(asked), 'rule')} hidden, wholly or in part.")
    return bool(found)
