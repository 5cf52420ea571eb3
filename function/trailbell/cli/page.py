"""The day as one self-contained page: what rang and when, and how the two apps show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from trailbell.cli import apps, cards
from trailbell.cli.standin import SLACK, TELEGRAM

HERE = Path(__file__).parent
SHOW = {SLACK: apps.slack, TELEGRAM: apps.telegram}
HOURS = range(3, 24, 3)  # on the strip
NEAR = 2.4  # percent of the strip: dots that are nearer than that are stacked
DAY = 24 * 60  # minutes


class Shown(NamedTuple):
    """A message on the page."""

    anchor: str
    html: Markup


class Dot(NamedTuple):
    """A message on the strip."""

    left: float
    """Percent of the day."""
    level: int
    severity: str
    clock: str
    anchor: str


@dataclass(frozen=True)
class Day:
    """What the page is made from."""

    records: Sequence[dict[str, Any]]
    counts: Counter[str]
    rings: Sequence[cards.Ring]
    refusals: Sequence[tuple[str, int]]
    problems: Sequence[str]

    @property
    def date(self) -> str:
        first = _time(self.records[0])
        return f"{first:%A}, {first.day} {first:%B} {first.year}"

    @property
    def each(self) -> int:
        """Messages that each app got."""
        return len(self.rings)

    @property
    def busy(self) -> str:
        return cards.answers(self.refusals)

    def shown(self, app: str) -> Iterator[Shown]:
        """The messages of an app, as it shows them."""
        for number, ring in enumerate(self.rings, 1):
            for post in ring.posts:
                if post is not None and post.app == app:
                    html = SHOW[app](post.body, cards.local(ring.arrives))
                    yield Shown(f"{app}-{number}", html)

    @property
    def bars(self) -> list[tuple[float, float]]:
        """Records of each half hour: percent of the day, share of the highest."""
        halves = Counter(_minute(_time(record)) // 30 for record in self.records)
        return [(half * 100 / 48, count / max(halves.values())) for half, count in halves.items()]

    @property
    def hours(self) -> list[tuple[float, str]]:
        return [(hour * 100 / 24, f"{hour:02}:00") for hour in HOURS]

    @property
    def dots(self) -> list[Dot]:
        dots: list[Dot] = []
        for number, ring in enumerate(self.rings, 1):
            body = next(post.body for post in ring.posts if post)
            left = _minute(ring.arrives.astimezone(cards.ZONE)) * 100 / DAY
            level = sum(abs(left - dot.left) < NEAR for dot in dots)
            clock = cards.local(ring.arrives)
            word = cards.severity(body) or "info"
            dots.append(Dot(left, level, word, clock, f"{SLACK}-{number}"))
        return dots

    @property
    def levels(self) -> int:
        return max((dot.level for dot in self.dots), default=0) + 1


def render(of: Day) -> str:
    """The page. It loads nothing and runs nothing."""
    return _templates().get_template("demo.html.j2").render(day=of, bell=apps.BELL)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _time(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["eventTime"]).astimezone(cards.ZONE)


def _minute(time: datetime) -> int:
    """Of its day."""
    return time.hour * 60 + time.minute
