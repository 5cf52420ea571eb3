from __future__ import annotations

import json
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from trailbell import app
from trailbell import rules as shipped
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
from trailbell.rules.base import ID, Rule, find

TEMPLATE = (Path(__file__).parent / "new_rule.py.txt").read_text("utf-8")


@click.group(invoke_without_command=True, context_settings=HELP)
@config_option
@format_option
@click.option("--tunables", is_flag=True, help="Show what can be tuned, with its values.")
@click.pass_context
def rules(ctx: click.Context, config: Path | None, form: str, tunables: bool) -> None:
    """The rules, and which of them run under the settings.

    A rule is switched off, given another severity or tuned under RULES in configs.py.
    `trailbell rules new my-rule` begins one of your own.
    """
    if ctx.invoked_subcommand is not None:
        return
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
        for name, value in rule.tunables().items() if tunables else ():
            shown = json.dumps(value, default=str)
            table.add_row("", "", "", Text(f"{name} = {shown}", style="bright_black"))
    console = stdout()
    console.print(table)
    running = sum(chosen.values())
    console.print(f"\n{counted(running, 'rule')} of {len(chosen)} run, preset {settings.PRESET}.")


@rules.command()
@click.argument("rule_id", metavar="ID")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("custom_rules"),
    show_default=True,
    help="Where the file goes: beside configs.py for a rule of your own.",
)
def new(rule_id: str, folder: Path) -> None:
    """Write a rule that works, with an event that rings and one that stays quiet.

    ID looks like bucket-deleted. List the class under CUSTOM_RULES, then `trailbell check` runs
    its examples.
    """
    if not ID.fullmatch(rule_id):
        raise click.ClickException(f"{rule_id!r} is no id: it must look like 'bucket-deleted'")
    if rule_id in find(shipped):
        raise click.ClickException(f"there is a rule {rule_id} already: tune it under RULES")
    name = rule_id.replace("-", "_")
    class_name = rule_id.title().replace("-", "")
    path = folder / f"{name}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.replace("MyRule", class_name).replace("my-rule", rule_id))
    except FileExistsError:
        raise click.ClickException(f"{path} is there already") from None
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    click.echo(f"{path}\n\nList it in configs.py, then run `trailbell check`:\n")
    click.echo(f"    from {folder.name}.{name} import {class_name}")
    click.echo(f"    CUSTOM_RULES = [{class_name}]")


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
