"""The recorded day rings, and the demo's own books would tell if a message went astray."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import judges
import pages
from trailbell import deliver
from trailbell.channels.slack import Slack
from trailbell.cli import cards, day, page, standin
from trailbell.cli.demo import Play, demo, play
from trailbell.cli.standin import SEND, SLACK, TELEGRAM, WEBHOOK, Post, StandIn
from trailbell.errors import DeliveryIncomplete

Send = Callable[..., object]
FUNCTION = Path(deliver.__file__).parent.parent


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody waits here, and the page lands in a folder of the test's."""
    monkeypatch.setattr(standin, "RETRY_AFTER", 0)
    monkeypatch.setattr(deliver, "BACKOFF", 0)
    monkeypatch.chdir(tmp_path)


def run(*args: str, columns: int = 80) -> Result:
    return CliRunner(env={"COLUMNS": str(columns), "NO_COLOR": "1"}).invoke(demo, args)


def messages(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_rings() -> None:
    """The leaked key's story is told, with refusals on the way, and nothing goes astray."""
    result = run()
    assert result.exit_code == 0, result.output
    for word in ("CRITICAL", "backdoor", "root user", "production-trail"):
        assert word in result.stdout
    assert "of 429" in result.stdout and "of 500" in result.stdout
    assert "none lost, none twice" in result.stdout
    assert str(Path("trailbell-demo.html").resolve()) in result.stdout.replace("\n", "")
    assert not result.stderr


@pytest.mark.parametrize("columns", [60, 100])
def test_width(columns: int) -> None:
    """A card keeps to the terminal's width, and its text to the right of its bar."""
    _, _, after = run(columns=columns).stdout.partition("machine.\n")
    shown, _, _ = after.partition(" records, ")
    lines = [line for line in shown.splitlines()[:-1] if line]
    assert lines and max(map(len, lines)) <= columns
    assert {line[9] for line in lines} == {"┃"}


def test_json() -> None:
    """One JSON object a message, with the very body that was posted, and nothing beside them."""
    result = run("--format", "json")
    posts = messages(result)
    assert "none lost, none twice" in result.stderr
    channels = Counter(post["channel"] for post in posts)
    assert channels[SLACK] == channels[TELEGRAM] > 0
    assert {*channels} == {SLACK, TELEGRAM}
    assert {status for post in posts for status in post["refused"]} == {429, 500}
    for post in posts:
        (judges.slack if post["channel"] == SLACK else judges.telegram)(post["body"])
        assert post["severity"] in ("critical", "high", "medium", "low", "info")
    assert standin.TOKEN not in result.output and WEBHOOK not in result.output


def test_same_every_time() -> None:
    """Two runs post and refuse the same."""
    assert run("--format", "json").stdout == run("--format", "json").stdout


def test_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings and the environment of whoever runs it play no part, and stay as they were."""
    (tmp_path / "configs.py").write_text("raise SystemExit('this is mine')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TRAILBELL_CHANNELS", "https://hooks.slack.com/services/T0/B0/mine")
    monkeypatch.setenv("TRAILBELL_NONSENSE", "1")
    environ, path = dict(os.environ), list(sys.path)
    assert run().exit_code == 0
    assert (dict(os.environ), sys.path) == (environ, path)


def test_output(tmp_path: Path) -> None:
    """The page goes where it was asked for; an impossible place is a usage error of one line."""
    assert run("--output", "here.html").exit_code == 0
    assert (tmp_path / "here.html").is_file() and not (tmp_path / "trailbell-demo.html").exists()
    result = run("--output", "no/such/folder.html")
    assert result.exit_code == 2 and "--output no/such/folder.html" in result.stderr


def test_output_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the page cannot be written here, it goes to the temporary folder."""
    (tmp_path / "trailbell-demo.html").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    result = run()
    assert result.exit_code == 0
    (written,) = (tmp_path / "tmp").glob("*.html")
    assert written.name in result.stdout.replace("\n", "")


@pytest.mark.parametrize(("times", "word"), [(0, "arrived"), (2, "posted twice")])
def test_astray(times: int, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that is not posted, or posted twice, although the handler counted one: exit 1."""
    send: Send = Slack.send

    def astray(self: Slack, body: dict[str, Any], *rest: object) -> None:
        for _ in range(times if "root user" in body["text"] else 1):
            send(self, body, *rest)

    monkeypatch.setattr(Slack, "send", astray)
    result = run()
    assert result.exit_code == 1
    assert word in result.stdout and "none lost" not in result.stdout
    assert "wrong" in pages.Page.read(Path("trailbell-demo.html").read_text("utf-8")).text


def test_no_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that gives up on the first refusal loses messages, and the demo says so."""

    def give_up(self: deliver.Deliverer, lane: deliver.Lane, *rest: object) -> None:
        lane.stop("gave up")

    monkeypatch.setattr(deliver.Deliverer, "_refused", give_up)
    result = run()
    assert result.exit_code == 1
    assert "lost" in result.stdout and "not delivered: slack: gave up" in result.stdout


@pytest.mark.parametrize(
    ("posts", "counted", "problem"),
    [
        pytest.param(["slack a", "telegram a"], 2, None, id="well"),
        pytest.param(["slack a"], 1, "1 message on Slack, but 0 on Telegram", id="one-app"),
        pytest.param(["slack a", "telegram a"], 3, "counted 3 messages, 2 arrived", id="count"),
        pytest.param(
            ["slack a", "telegram a"] * 2, 4, "2 messages posted twice", id="both-twice"
        ),
        pytest.param([], 0, "nothing rang", id="nothing"),
        pytest.param(None, 0, "invocation 1: it broke", id="raised"),
    ],
)  # fmt: skip
def test_books(posts: list[str] | None, counted: int, problem: str | None) -> None:
    """The books of the two sides are compared for real."""
    apps = StandIn()

    def handler(event: dict[str, Any], context: object) -> dict[str, int]:
        if posts is None:
            raise DeliveryIncomplete("it broke")
        for post in posts:
            app, text = post.split()
            door = WEBHOOK if app == SLACK else SEND
            apps.answer(door, json.dumps({"text": text}).encode())
        return {"messages": counted}

    result = Play()
    records = [{"eventTime": "2026-03-17T00:00:01Z"}]
    list(play(handler, apps, day.deliveries(records), result))
    problems = result.problems(apps)
    assert any(problem in text for text in problems) if problem else not problems
    apps.close()


@pytest.mark.parametrize(
    ("app", "door", "said"),
    [
        (SLACK, WEBHOOK, [200, 429, 200, 200, 200, 200, 500, 200]),
        (TELEGRAM, SEND, [200, 200, 200, 500, 200, 200, 200, 200, 429]),
    ],
)
def test_refusals(app: str, door: str, said: list[int]) -> None:
    """A message is refused once, in the app's own words, and taken when it comes again."""
    apps = StandIn()
    answers = []
    number = 0
    for _ in said:
        answer = apps.answer(door, json.dumps({"text": f"message {number}"}).encode())
        number += answer.status == 200
        answers.append(answer.status)
        if answer.status == 429 and app == TELEGRAM:
            assert json.loads(answer.body)["parameters"] == {"retry_after": standin.RETRY_AFTER}
        elif answer.status == 429:
            assert answer.wait == standin.RETRY_AFTER
    assert answers == said
    assert apps.refusals == [(app, status) for status in said if status != 200]
    assert apps.lost == (1 if said[-1] != 200 else 0)
    assert not apps.twice
    apps.close()


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("/services/elsewhere", b'{"text": "a"}', 404),
        ("/bot123:wrong/sendMessage", b'{"text": "a"}', 404),
        (WEBHOOK, b"{", 400),
        (WEBHOOK, b"[]", 400),
        (SEND, b'{"text": ""}', 400),
    ],
)
def test_wrong_door(path: str, data: bytes, status: int) -> None:
    """A wrong address or an empty message is not taken for a message."""
    apps = StandIn()
    assert apps.answer(path, data).status == status
    assert not apps.posts
    apps.close()


def test_recorded_day() -> None:
    """The day arrives whole, in the order of its times, and its file says nothing of its maker."""
    records = day.records()
    deliveries = list(day.deliveries(records))
    assert [record for delivery in deliveries for record in delivery.records] == records
    assert [delivery.arrives for delivery in deliveries] == sorted(
        {delivery.arrives for delivery in deliveries}
    )
    for arrives, together in deliveries:
        times = [datetime.fromisoformat(record["eventTime"]) for record in together]
        assert arrives - day.EVERY <= min(times) and max(times) < arrives
    packed = day.RECORDED.read_bytes()
    assert packed[4:8] == bytes(4), "the gzip header holds a time"
    assert not packed[3] & 8, "the gzip header holds a name"
    assert len(gzip.decompress(packed).splitlines()) == len(records)


def test_page_is_self_contained() -> None:
    """The page loads nothing and runs nothing, and its links lead to the CloudTrail console."""
    result = run("--format", "json")
    html = Path("trailbell-demo.html").read_text("utf-8")
    shown = pages.Page.read(html)
    assert not shown.loads
    outside = [link for link in shown.links if not link.startswith("#")]
    assert outside and all("console.aws.amazon.com/cloudtrailv2/" in link for link in outside)
    anchors = {link[1:] for link in shown.links if link.startswith("#")}
    assert anchors and all(f'id="{anchor}"' in html for anchor in anchors)
    assert standin.TOKEN not in html and WEBHOOK not in html
    assert html.count('data-channel="') == len(messages(result))


@pytest.mark.parametrize("value", judges.HOSTILE)
def test_page_is_inert(value: str) -> None:
    """Whatever the bodies hold, the page shows it as text."""
    body = {"type": "text", "text": value, "style": {"code": True}}
    section = {"type": "rich_text_section", "elements": [body]}
    slack = {"text": value, "blocks": [{"type": "rich_text", "elements": [section]}]}
    records = day.records()
    arrives = next(day.deliveries(records)).arrives
    ring = cards.Ring(
        arrives, Post(SLACK, slack, ()), Post(TELEGRAM, {"text": value, "parse_mode": "HTML"}, ())
    )
    plain = cards.Ring(
        arrives, Post(SLACK, {"text": value}, ()), Post(TELEGRAM, {"text": value}, ())
    )
    shown = pages.Page.read(page.render(page.Day(records, Counter(), [ring, plain], [], [value])))
    assert not shown.loads
    assert not shown.tags & {"script", "img", "tg-spoiler", "iframe"}
    assert value in shown.text


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    """In a wheel, where no source tree is at hand, the same handler rings."""
    wheels = tmp_path / "wheels"
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*build, str(wheels), str(FUNCTION.parent)], check=True, cwd=tmp_path)
    (wheel,) = wheels.iterdir()
    installed = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(installed), str(wheel)], check=True, cwd=tmp_path)
    (installed / "lambda_function.py").write_text("raise SystemExit('another project')")
    code = "import trailbell.cli as c, sys; print(c.__file__, file=sys.stderr); c.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "demo", "--format", "json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stderr
    assert len(done.stdout.splitlines()) == len(messages(run("--format", "json")))
