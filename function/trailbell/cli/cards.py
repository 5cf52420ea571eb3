"""The demo in a terminal: a card for each message, and how far the day is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from trailbell.cli import day
from trailbell.cli.common import STYLES, counted
from trailbell.cli.standin import Post
from trailbell.model import Severity

ZONE = ZoneInfo(day.TIMEZONE)
NAMES = {"slack": "Slack", "telegram": "Telegram"}
WORD = re.compile("|".join(severity.name for severity in Severity))
CLOCK = re.compile(r"\d\d:\d\d:\d\d")
NARROW = 40  # columns; a card is not set narrower


class Ring(NamedTuple):
    """One message as the two apps took it."""

    arrives: datetime
    slack: Post | None
    telegram: Post | None

    @property
    def posts(self) -> tuple[Post | None, Post | None]:
        return self.slack, self.telegram


def local(time: datetime, form: str = "%H:%M") -> str:
    return time.astimezone(ZONE).strftime(form)


def severity(body: dict[str, Any]) -> str:
    """The word in the headline of a message; "" where there is none."""
    word = WORD.search(str(body.get("text", "")))
    return word[0].lower() if word else ""


def lines(body: dict[str, Any]) -> Iterator[Text]:
    """The lines of a Slack message: our words as they are, names from events in bold."""
    line = Text()
    for block in body.get("blocks", []):
        for part in block["elements"] if block["type"] == "rich_text" else []:
            for element in part["elements"]:
                first, *rest = element.get("text", "").split("\n")
                style = element.get("style", {})
                look = "cyan" if style.get("code") else "bold" if style.get("bold") else ""
                line.append(first, look)
                for text in rest:
                    yield line
                    line = Text(text, look)
            yield line
            line = Text()


class Terminal:
    """Shows the day as it goes by. Where nobody looks there is no bar, and nothing moves."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.fields[clock]}", style="bold"),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            expand=True,
            disable=not console.is_terminal,
        )
        self._total = total
        self._task = self._bar.add_task("", total=total, clock="00:00")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def refused(self, app: str, status: int) -> None:
        """An app is busy; called while the handler waits."""
        text = f"{NAMES[app]} answers {status}, trying again"
        self._bar.update(self._task, description=f"[yellow]{text}")

    def step(self, delivery: day.Delivery, rang: int) -> None:
        self._bar.advance(self._task, len(delivery.records))
        done = round(self._bar.tasks[0].completed)
        self._bar.update(
            self._task,
            clock=local(delivery.arrives),
            description=f"{done} of {self._total} records, {rang} rang",
        )

    def show(self, ring: Ring) -> None:
        """The card of a message."""
        post = ring.slack or ring.telegram
        if post is None:
            return
        word = severity(post.body)
        look = STYLES[Severity[word.upper()]] if word else ""
        body = _card(post, look)
        body.append(_ways(ring))
        width = max(self._console.width - 11, NARROW)
        found = CLOCK.search(_line(post, "When"))
        clock = found[0] if found else local(ring.arrives)
        for line in Text("\n").join(body).wrap(self._console, width):
            row = Text.assemble((f"{clock:<8} ", "bold"), ("┃ ", look), line, no_wrap=True)
            self._console.print(row, crop=False)
            clock = ""
        self._console.print()


def _card(post: Post, look: str) -> list[Text]:
    """Headline; what happened; the API's name for it and from where; what to check first."""
    if post.app != "slack":
        return [Text(str(post.body.get("text", "")))]
    headline, *rest = lines(post.body)
    title, about, checks = rest[:1], rest[1:2], []
    for line in rest[2:]:
        if line.plain.startswith("From "):
            about.append(line[len("From ") :])
        elif line.plain.startswith("Check first "):
            checks.append(line)
    return [
        Text(headline.plain, look),
        *title,
        *([Text(" · ").join(about)] if about else []),
        *checks,
    ]


def _line(post: Post, label: str) -> str:
    """The line of a message that begins with a label."""
    return next((str(line) for line in lines(post.body) if line.plain.startswith(label)), "")


def _ways(ring: Ring) -> Text:
    """Which app has it, and what it took."""
    text = Text(style="dim")
    for name, post in zip(NAMES.values(), ring.posts, strict=True):
        text.append("   " if text else "")
        text.append(f"{name} ")
        text.append("✓" if post else "✗ missing", "green" if post else "bold red")
        if post and post.refused:
            text.append(f" after a {', '.join(map(str, post.refused))}", "yellow")
    return text


def introduce(console: Console, records: int) -> None:
    console.print(
        f"A recorded day of two AWS accounts: {counted(records, 'record')} go through the real"
        " handler to stand-ins for Slack and Telegram on this machine.\n"
    )


def answers(refusals: Sequence[tuple[str, int]]) -> str:
    """``3 answers of 429 and 2 of 500``"""
    statuses = sorted(Counter(status for _, status in refusals).items())
    told = [f"{count} of {status}" for status, count in statuses]
    if told:
        count, _, rest = told[0].partition(" ")
        told[0] = f"{counted(int(count), 'answer')} {rest}"
    return " and ".join(told)


def summary(
    console: Console,
    counts: Counter[str],
    refusals: Sequence[tuple[str, int]],
    problems: Sequence[str],
    path: Path,
) -> None:
    """What came of it, and where the page is."""
    each = counts["messages"] // len(NAMES)
    told = f"{counted(counts['events'], 'record')}, {counted(counts['alerts'], 'alert')}"
    console.print(f"{told}, [bold]{counted(each, 'message')} to each app[/].")
    if problems:
        for problem in problems:
            console.print(Text.assemble(("wrong: ", "bold red"), problem))
    else:
        busy = f"{answers(refusals)} on the way; " if refusals else ""
        console.print(f"{busy}[bold green]none lost, none twice[/].")
    console.print("As the two apps show them:")
    console.print(Text(str(path.resolve()), "bold"), soft_wrap=True)
