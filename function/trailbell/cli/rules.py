from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from trailbell import app
from trailbell.cli.common import (
    HELP,
    STYLES,
    config_option,
    counted,
    format_option,
    print_json,
    settings_from,
    stdout,
)
from trailbell.rules.base import Rule


@click.command(context_settings=HELP)
@config_option
@format_option
def rules(config: Path | None, form: str) -> None:
    """The rules, and which of them run under the settings.

    A rule is switched off, given another severity or tuned under RULES in configs.py; JSON shows
    each rule's tunables with their values.
    """
    settings = settings_from(config)
    chosen = app.bell(settings).rules
    if form == "json":
        for rule, enabled in chosen.items():
            print_json(_described(rule, enabled))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "rule", "severity", "what happened"):
        table.add_column(heading, overflow="fold")
    group = ""
    for rule, enabled in sorted(chosen.items(), key=lambda item: (item[0].group(), item[0].id)):
        if rule.group() != group:
            group = rule.group()
            table.add_row("", Text(group, style="bold underline"), "", "")
        severity = rule.fixed_severity or rule.severity
        table.add_row(
            Text("on", style="green") if enabled else Text("off", style="bright_black"),
            rule.id,
            Text(str(severity), style=STYLES[severity]),
            Text(rule.summary().rstrip(".")),
        )
    console = stdout()
    console.print(table)
    running = sum(chosen.values())
    console.print(f"\n{counted(running, 'rule')} of {len(chosen)} run, preset {settings.PRESET}.")


def _described(rule: Rule, enabled: bool) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.summary(),
        "severity": str(rule.fixed_severity or rule.severity),
        "enabled": enabled,
        "group": rule.group(),
        "actions": list(rule.actions),
        "attack": rule.attack,
        "cis": dict(rule.cis),
        "tunables": rule.tunables(),
    }
