"""A recorded day through the real handler, into stand-ins for Slack and Telegram.

The handler is the zip's: lambda_function.py, loaded from a folder of its own that holds a
configs.py, so that neither the settings nor the environment of whoever runs it play a part.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from trailbell import app
from trailbell.cli import cards, day, page
from trailbell.cli.common import HELP, counted, format_option, print_json, stderr, stdout
from trailbell.cli.standin import SLACK, TELEGRAM, Post, StandIn
from trailbell.errors import TrailbellError
from trailbell.state.memory import MemoryState

Handler = Callable[[dict[str, Any], object], dict[str, int]]
DOOR = "lambda_function.py"
OUTPUT = Path("trailbell-demo.html")
BUDGET = 60.0  # seconds that an invocation may take
SECONDS = 4.0  # that the day takes longer on a terminal, so that it can be watched


@dataclass
class Play:
    """What came of the day."""

    counts: Counter[str] = field(default_factory=Counter)
    """The sums of what the handler returned."""
    rings: list[cards.Ring] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def problems(self, apps: StandIn) -> list[str]:
        """Where the handler's books and the apps' do not agree; none, if nothing went wrong."""
        problems = list(self.errors)
        if (said := self.counts["messages"]) != (arrived := len(apps.posts)):
            problems.append(f"the handler counted {counted(said, 'message')}, {arrived} arrived")
        took = Counter(post.app for post in apps.posts)
        if (slack := took[SLACK]) != (telegram := took[TELEGRAM]):
            problems.append(f"{counted(slack, 'message')} on Slack, but {telegram} on Telegram")
        for number, what in ((apps.lost, "lost"), (apps.twice, "posted twice")):
            if number:
                problems.append(f"{counted(number, 'message')} {what}")
        for name in ("failed", "unparsed"):
            if number := self.counts[name]:
                problems.append(f"the handler counted {number:,} {name}")
        if not apps.posts:
            problems.append("nothing rang")
        return problems


class Context:
    """What Lambda hands to the handler besides the payload."""

    function_name = "trailbell"
    log_group_name = "/aws/lambda/trailbell"

    def __init__(self, number: int) -> None:
        self.aws_request_id = f"00000000-0000-4000-8000-{number:012d}"
        self._end = time.monotonic() + BUDGET

    def get_remaining_time_in_millis(self) -> int:
        return round((self._end - time.monotonic()) * 1000)


@click.command(context_settings=HELP)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The page with the messages.  [default: {OUTPUT}, here or in the temporary folder]",
)
@format_option
def demo(output: Path | None, form: str) -> None:
    """A recorded day of an AWS account rings in Slack and Telegram, on this machine only.

    CloudTrail records of a made-up day go through the real handler to stand-ins for the two apps,
    which are busy now and then. Shows every message here, and all of them as a page. Exits 1 if a
    message got lost or came twice.
    """
    records = day.records()
    console = stderr() if form == "json" else stdout()
    if form == "text":
        cards.introduce(console, len(records))
    with StandIn() as apps, cards.Terminal(console, len(records)) as terminal:
        apps.told = terminal.refused
        with function(apps.channels) as handler:
            result = Play()
            pause = SECONDS * 300 / 86400 if console.is_terminal and form == "text" else 0.0
            for delivery, rings in play(handler, apps, day.deliveries(records), result):
                if form == "json":
                    for ring in rings:
                        for post in filter(None, ring.posts):
                            print_json(described(ring, post))
                else:
                    for ring in rings:
                        terminal.show(ring)
                terminal.step(delivery, len(result.rings))
                time.sleep(pause)
    problems = result.problems(apps)
    html = page.render(page.Day(records, result.counts, result.rings, apps.refusals, problems))
    path = written(html, output)
    cards.summary(console, result.counts, apps.refusals, problems, path)
    if problems:
        raise click.exceptions.Exit(1)


def play(
    handler: Handler, apps: StandIn, deliveries: Iterable[day.Delivery], result: Play
) -> Iterator[tuple[day.Delivery, list[cards.Ring]]]:
    """Invoke the handler with one delivery after the other; yields what each made ring."""
    for number, delivery in enumerate(deliveries, 1):
        before = len(apps.posts)
        try:
            result.counts.update(handler(delivery.payload(), Context(number)))
        except TrailbellError as error:
            result.errors.append(f"invocation {number}: {error}")
        new = apps.posts[before:]
        by_app = ([post for post in new if post.app == name] for name in (SLACK, TELEGRAM))
        rings = [cards.Ring(delivery.arrives, *pair) for pair in zip_longest(*by_app)]
        result.rings += rings
        yield delivery, rings


@contextmanager
def function(channels: list[dict[str, Any]]) -> Iterator[Handler]:
    """The Lambda function, with settings of its own and none of this machine's."""
    environ, path = dict(os.environ), list(sys.path)
    for name in [name for name in environ if name.startswith("TRAILBELL_")]:
        del os.environ[name]
    try:
        with tempfile.TemporaryDirectory(prefix="trailbell-") as folder:
            root = Path(folder)
            settings = {
                "CHANNELS": channels,
                "RULES": {"off-hours-activity": {"enabled": True}},
                "TIMEZONE": day.TIMEZONE,
                "ACCOUNTS": day.ACCOUNTS,
            }
            lines = [f"{name} = {value!r}\n" for name, value in settings.items()]
            (root / "configs.py").write_text("".join(lines), "utf-8")
            yield _handler(root)
    finally:
        os.environ.clear()
        os.environ.update(environ)
        sys.path[:] = path


def _handler(root: Path) -> Handler:
    """lambda_handler, as if the folder were the unpacked zip."""
    package = Path(app.__file__).parent
    # A wheel has a copy: beside its package another project's lambda_function.py may lie.
    places = [package / "cli" / DOOR, package.parent / DOOR]
    door = shutil.copy(next(place for place in places if place.is_file()), root)
    spec = importlib.util.spec_from_file_location("lambda_function", door)
    assert spec and spec.loader  # noqa: S101 - for the type checker
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # There is no table here; the day is one process, so the rules remember in that.
    vars(module)["process"] = app.Process(MemoryState())
    handler: Handler = module.lambda_handler
    return handler


def described(ring: cards.Ring, post: Post) -> dict[str, object]:
    """A message as a JSON object."""
    return {
        "time": f"{ring.arrives:%Y-%m-%dT%H:%M:%SZ}",
        "channel": post.app,
        "severity": cards.severity(post.body),
        "refused": list(post.refused),
        "body": post.body,
    }


def written(html: str, output: Path | None) -> Path:
    """Where the page is: where it was asked for, else here, else where one can always write."""
    if output is not None:
        try:
            output.write_text(html, "utf-8")
        except OSError as error:
            raise click.UsageError(f"--output {output}: {error.strerror or error}") from None
        return output
    try:
        OUTPUT.write_text(html, "utf-8")
    except OSError:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="trailbell-demo-", suffix=".html", delete=False
        ) as file:
            file.write(html)
        return Path(file.name)
    return OUTPUT
