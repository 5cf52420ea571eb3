from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from trailbell import app
from trailbell.channels.base import LOOPBACK, Channel, clean, literal
from trailbell.cli import filters
from trailbell.cli.common import (
    HELP,
    config_option,
    counted,
    format_option,
    print_json,
    settings_from,
)
from trailbell.errors import ConfigError
from trailbell.examples import NO_EXAMPLES, wrong
from trailbell.model import Message, say
from trailbell.notifier import Notifier
from trailbell.rules.base import Rule
from trailbell.secrets import Secrets
from trailbell.settings import DOCUMENT, Mute, Settings

PLACEHOLDER = "/XXXXXXXX"  # in the URL of configs.example.py
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")


@click.command(context_settings=HELP)
@config_option
@click.option("--post", is_flag=True, help="Send each channel one message that says it is a test.")
@click.option(
    "--pattern",
    metavar="P",
    help="Instead, list the rules that this subscription filter hides. P may be a preset.",
)
@format_option
def check(config: Path | None, post: bool, pattern: str | None, form: str) -> None:
    """Look over the settings: exits 1 where one is wrong or a test message was not taken.

    Without --post it contacts nobody. With --pattern it lists the rules that run under the settings
    and that a subscription filter hides: wholly where none of the rule's examples would ring behind
    it, partly where some would not. Then it exits 1 where there is one.
    """
    if pattern is not None:
        if post:
            raise click.ClickException("--pattern goes without --post")
        chosen, rules = (
            filters.pattern(pattern),
            app.bell(settings_from(config, _Here(os.environ))).rules,
        )
        if filters.show_hidden([rule for rule, runs in rules.items() if runs], chosen, form):
            raise click.exceptions.Exit(1)
        return
    say_line = partial(_print, form)
    try:
        settings = settings_from(config, Secrets(os.environ) if post else _Here(os.environ))
        bell = app.bell(settings)
    except ConfigError as error:
        say_line("problem", str(error))
        raise click.exceptions.Exit(1) from None
    running = sum(bell.rules.values())
    say_line(
        "ok", f"{running} of {counted(len(bell.rules), 'rule')} run (preset {settings.PRESET})"
    )
    fine = True
    for rule in bell.rules:
        if type(rule) in settings.CUSTOM_RULES:
            for line in wrong(rule):
                fine = fine and line == NO_EXAMPLES
                say_line("note" if line == NO_EXAMPLES else "problem", f"rule {rule.id} {line}")
    for channel in settings.CHANNELS:
        say_line("ok", f"channel {channel.name}{_filters(channel)}")
    if not post and (document := os.environ.get(DOCUMENT, "")).startswith(("ssm:", "s3:")):
        say_line("note", f"{DOCUMENT}: {document} was not looked up")
    for note in _notes(settings, bell.rules):
        say_line("note", note)
    if (post and not _post(settings, say_line)) or not fine:
        raise click.exceptions.Exit(1)


def _print(form: str, level: str, text: str) -> None:
    if form == "json":
        print_json({"level": level, "text": text})
    else:
        colour = {"ok": "green", "note": "yellow", "problem": "red"}[level]
        click.echo(f"{click.style(level, fg=colour):<7} {text}")


class _Here(Secrets):
    """Secrets of this machine's environment; of others the name, which is noted."""

    def secret(self, name: str) -> str:
        scheme, _, variable = name.partition(":")
        return os.environ.get(variable, name) if scheme == "env" else name

    def document(self, name: str) -> str:
        return "{}"


def _filters(channel: Channel) -> str:
    parts = []
    if channel.min_severity > 1:
        parts.append(f"from {channel.min_severity} on")
    if channel.rules != ("*",):
        parts.append(f"rules {', '.join(channel.rules)}")
    if channel.accounts:
        parts.append(f"accounts {', '.join(channel.accounts)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _notes(settings: Settings, chosen: Mapping[Rule, bool]) -> Iterator[str]:
    if not settings.CHANNELS:
        yield "no channel is set: the function needs one (CHANNELS, or TRAILBELL_CHANNELS)"
    for channel in settings.CHANNELS:
        for field in type(channel).model_fields:
            value = getattr(channel, field)
            if isinstance(value, SecretStr) and literal(value) is None:
                yield f"channel {channel.name}: {value.get_secret_value()} was not looked up"
            elif isinstance(value, SecretStr) and field == "url" and value:
                host = urlsplit(value.get_secret_value()).hostname or ""
                known = host in SLACK_HOSTS or LOOPBACK.fullmatch(host)
                if PLACEHOLDER in value.get_secret_value():
                    yield f"channel {channel.name} still has the URL of the example"
                elif channel.type == "slack" and not known:
                    yield f"channel {channel.name}: {clean(host)} is not one of Slack's hosts"
    beyond = [rule.id for rule, runs in chosen.items() if runs and rule.needs_state]
    if beyond and not settings.LEDGER_TABLE:
        yield (
            f"{counted(len(beyond), 'rule')} that look beyond one event are off for want of a"
            f" table (LEDGER_TABLE): {', '.join(beyond)}"
        )
    if settings.LEDGER_TABLE and any(channel.name.endswith("-2") for channel in settings.CHANNELS):
        yield (
            "several channels of a type have no name of their own: the ledger knows them by their"
            " order, so name them before you change it"
        )
    if settings.RETRY_QUEUE_URL and not settings.LEDGER_TABLE:
        yield "RETRY_QUEUE_URL without LEDGER_TABLE: repeats are posted again, and nothing is held"
    for custom in settings.CUSTOM_RULES:
        if not (custom.actions or custom.identities or custom.gate):
            yield f"rule {custom.id} looks at every event: it has no actions"
    today = datetime.now(settings.zone)
    for number, mute in enumerate(settings.MUTES):
        end = _end(mute, today)
        yield f"mute {number + 1}: {clean(mute.reason)} ({end})"


def _end(mute: Mute, now: datetime) -> str:
    until = mute.until
    if until is None:
        return "without an end"
    if isinstance(until, datetime):
        over = until < (now if until.tzinfo else now.replace(tzinfo=None))
    else:
        over = until < date(now.year, now.month, now.day)
    return f"over since {until}: take it out" if over else f"until {until}"


def _post(settings: Settings, say_line: partial[None]) -> bool:
    """One message to each channel; whether all took it."""
    if not settings.CHANNELS:
        say_line("problem", "there is no channel to post to")
        return False
    try:
        by = f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a user id without a name
        by = socket.gethostname()
    title = say("Test from trailbell: nothing happened. Asked for by {}", by)
    report = app.wired(settings, Notifier).tell(Message(None, title))
    for channel in settings.CHANNELS:
        problem = report.problems.get(channel.name)
        text = f"channel {channel.name}: {problem or 'took the test message'}"
        say_line("problem" if problem else "ok", text)
    return not report.problems
