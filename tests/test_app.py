"""What the handler returns, logs and raises, with settings from the environment."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes import Clock, Context, Door, Receiver, door, payload, receiving
from trailbell import app
from trailbell.bell import Bell
from trailbell.errors import ConfigError, DeliveryIncomplete, PayloadError
from trailbell.testing import call, root, sign_in

COUNTS = ("events", "unparsed", "alerts", "muted", "messages", "failed")
KEY = call("iam:CreateAccessKey", by="mallory", eventID="6e4a2f0c-0000-4000-8000-00000000000a").raw
USER = call("iam:CreateUser", by="alice", eventID="6e4a2f0c-0000-4000-8000-00000000000b").raw
LOGIN = sign_in(by=root(), eventID="6e4a2f0c-0000-4000-8000-00000000000c").raw
QUIET = call("s3:ListBuckets", by={"type": "AWSService", "invokedBy": "x.amazonaws.com"}).raw
MUTE = [{"actor": "alice", "reason": "her job"}]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def handler(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Door]:
    """Makes a handler with these settings, which posts to the receiver as Slack."""

    def make(clock: Clock | None = None, **settings: Any) -> Door:
        return door(
            monkeypatch, tmp_path, clock or Clock(), **({"CHANNELS": receiver.slack} | settings)
        )

    return make


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The JSON lines of our log."""
    said = [one.getMessage() for one in caplog.records if one.name == "trailbell"]
    return [json.loads(one) for one in said if one.startswith("{")]


def burst(count: int, actors: int) -> Any:
    """So many access keys, created by so many users."""
    return payload(
        *(
            call(
                "iam:CreateAccessKey",
                by=f"user-{number % actors:02}",
                eventID=f"6e4a2f0c-0000-4000-8000-{number:012}",
            ).raw
            for number in range(count)
        )
    )


@pytest.mark.parametrize(
    ("event", "settings", "counts"),
    [
        pytest.param(payload(), {}, (0, 0, 0, 0, 0, 0), id="no-events"),
        pytest.param(payload(KEY), {}, (1, 0, 1, 0, 1, 0), id="one"),
        pytest.param(payload(KEY, KEY), {}, (2, 0, 1, 0, 1, 0), id="twice-the-same"),
        pytest.param(payload(KEY, QUIET), {}, (2, 0, 1, 0, 1, 0), id="one-of-two"),
        pytest.param(payload(KEY, "{no json"), {}, (1, 1, 2, 0, 2, 0), id="unparsed"),
        pytest.param(
            payload({"Records": [KEY, USER, 5]}), {}, (2, 1, 3, 0, 3, 0), id="a-log-file-with-a-5"
        ),
        pytest.param(payload(KEY, USER), {"MUTES": MUTE}, (2, 0, 1, 1, 1, 0), id="muted"),
        pytest.param(
            payload("{no json"),
            {"MUTES": [{"rule": "*", "reason": "x"}]},
            (0, 1, 1, 0, 1, 0),
            id="own-alerts-are-not-muted",
        ),
        pytest.param(burst(30, 3), {}, (30, 0, 30, 0, 3, 0), id="grouped"),
        pytest.param(burst(30, 15), {}, (30, 0, 30, 0, 10, 0), id="storm"),
        pytest.param(
            {"messageType": 1, "detail-type": "AWS API Call via CloudTrail", "detail": KEY},
            {},
            (1, 0, 1, 0, 1, 0),
            id="eventbridge",
        ),
        pytest.param(
            payload(KEY, messageType="CONTROL_MESSAGE"), {}, (0, 0, 0, 0, 0, 0), id="control"
        ),
    ],
)
def test_counts(
    event: Any,
    settings: dict[str, Any],
    counts: tuple[int, ...],
    handler: Callable[..., Door],
    receiver: Receiver,
) -> None:
    """The handler returns how many records, alerts and messages there were."""
    answer = handler(**settings)(event, Context())

    assert {name: answer[name] for name in COUNTS} == dict(zip(COUNTS, counts, strict=True))
    assert len(receiver.taken) == answer["messages"]
    assert len(json.dumps(answer)) < 300


def test_counts_of_two_channels(receiver: Receiver, handler: Callable[..., Door]) -> None:
    """`alerts` is counted before routing, `messages` once for each channel."""
    few = {"type": "slack", "url": receiver.slack, "rules": ["iam-user-created"]}

    answer = handler(CHANNELS=[receiver.slack, receiver.telegram, few])(
        payload(KEY, USER), Context()
    )

    assert (answer["alerts"], answer["messages"]) == (2, 5)


def test_nobody_takes_it(receiver: Receiver, handler: Callable[..., Door]) -> None:
    """An alert that no channel's filters let through is counted, and is no failure."""
    few = {"type": "slack", "url": receiver.slack, "rules": ["root-*"]}

    answer = handler(CHANNELS=few)(payload(KEY), Context())

    assert (answer["alerts"], answer["messages"], answer["failed"]) == (1, 0, 0)


def test_log_line(handler: Callable[..., Door], caplog: pytest.LogCaptureFixture) -> None:
    """One JSON line tells the counts of the invocation, and none of the records."""
    answer = handler(MUTES=MUTE)(payload(KEY, USER, "{no json"), Context(request="req-1"))

    (line,) = lines(caplog)
    assert line | {name: answer[name] for name in COUNTS} == line
    assert (line["request"], line["retried"]) == ("req-1", 0)
    assert isinstance(line["ms"], int)
    assert caplog.records[-1].levelno == logging.INFO
    assert "mallory" not in caplog.text and "no json" not in caplog.text


def test_log_line_without_context(
    handler: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    """Without a context the function works as well."""
    assert handler()(payload(KEY))["messages"] == 1
    assert "request" not in lines(caplog)[0]


def test_log_line_of_a_failure(
    receiver: Receiver, handler: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    """A dead channel is named in the log, at level ERROR, and the invocation fails."""
    receiver.answer([(404, {}, "no_active_hooks")])
    channels = [
        {"type": "slack", "name": "ops", "url": receiver.slack},
        receiver.telegram,
    ]

    with pytest.raises(DeliveryIncomplete, match="1 of 2 messages not delivered: ops"):
        handler(CHANNELS=channels)(payload(KEY), Context())

    (line,) = lines(caplog)
    assert (line["messages"], line["failed"]) == (1, 1)
    assert line["dead"] == ["ops"]
    assert line["problems"] == {"ops": "HTTP 404 no_active_hooks"}
    assert caplog.records[-1].levelno == logging.ERROR


def test_retries_are_counted(
    receiver: Receiver, handler: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    """A retry that helped is told by its number only."""
    clock = Clock()
    receiver.answer([(500, {}, "rollup_error")])

    assert handler(clock)(payload(KEY), Context(clock))["failed"] == 0
    (line,) = lines(caplog)
    assert line["retried"] == 1
    assert "problems" not in line


def test_payload_error(
    receiver: Receiver, handler: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    """A payload that cannot be read raises one clear error and posts nothing."""
    with pytest.raises(PayloadError, match="awslogs"):
        handler()({"awslogs": {"data": "%%%"}}, Context())

    assert not receiver.requests


@pytest.mark.parametrize("settings", [{}, {"CHANNELS": "[]"}], ids=["unset", "empty"])
def test_no_channel(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a channel the handler says what to set."""
    handler = door(monkeypatch, tmp_path, Clock(), **settings)

    for _ in "ab":  # an error is not cached
        with pytest.raises(ConfigError, match="TRAILBELL_CHANNELS"):
            handler(payload(KEY), Context())


@pytest.mark.parametrize(("seconds", "warns"), [(3, True), (9.9, True), (10, False), (60, False)])
def test_short_time(
    seconds: float,
    warns: bool,
    handler: Callable[..., Door],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At the console's default of 3 s one alert arrives, and the log says what to set."""
    clock = Clock()

    assert handler(clock)(payload(KEY), Context(clock, seconds))["messages"] == 1

    warnings = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == warns
    assert all("60 s" in one and "256 MB" in one for one in warnings)


@pytest.mark.parametrize(
    ("count", "actors", "told", "sizes"),
    [
        pytest.param(5, 5, 5, [], id="singles"),
        pytest.param(300, 10, 10, [], id="ten-groups"),
        pytest.param(300, 300, 10, [200, 91], id="storm"),
        pytest.param(209, 209, 10, [200], id="just-a-line"),
        pytest.param(210, 210, 10, [200, 1], id="one-more-than-a-line"),
    ],
)
def test_left_out(
    count: int,
    actors: int,
    told: int,
    sizes: list[int],
    handler: Callable[..., Door],
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a storm tells as counts is in the log by its ids, at most 200 a line."""
    clock = Clock()

    answer = handler(clock)(burst(count, actors), Context(clock))

    left_out = [line for line in lines(caplog) if "left_out" in line]
    assert answer["messages"] == told
    assert [len(line["left_out"]) for line in left_out] == sizes
    assert {line["channel"] for line in left_out} <= {"slack"}
    ids = [event for line in left_out for event in line["left_out"]]
    assert len(set(ids)) == len(ids)
    single = json.dumps(receiver.taken[:9])
    assert not [event for event in ids if event in single]


@pytest.mark.parametrize("group", ["/aws/lambda/trailbell", "/aws/lambda/other"])
def test_own_log_group(group: str, handler: Callable[..., Door], receiver: Receiver) -> None:
    """F-23: what the function's own log group sends is dropped, or it would ring for ever."""
    own = group == "/aws/lambda/trailbell"

    answer = handler()(payload(KEY, "START RequestId", log_group=group), Context())

    assert answer["messages"] == len(receiver.requests) == (0 if own else 2)


def test_a_mended_secret_is_read_by_the_next_try(
    receiver: Receiver, handler: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a delivery that failed, Lambda's retry reads settings and secrets anew."""
    monkeypatch.setenv("HOOK", f"{receiver.address}/services/old")
    run = handler(CHANNELS={"type": "slack", "url": "env:HOOK"})
    receiver.answer([(404, {}, "no_service")])
    with pytest.raises(DeliveryIncomplete):
        run(payload(KEY), Context())
    monkeypatch.setenv("HOOK", f"{receiver.address}/services/new")

    run(payload(KEY), Context())

    assert [request.path for request in receiver.requests] == ["/services/old", "/services/new"]


def test_built_once(
    receiver: Receiver, handler: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings are read and connections made once for all invocations of a process."""
    made: list[Any] = []
    build = Bell

    def counted(*args: Any) -> Bell:
        made.append(args)
        return build(*args)

    monkeypatch.setattr(app, "Bell", counted)
    run = handler()

    for event in (KEY, USER, LOGIN):
        run(payload(event), Context())

    assert len(made) == 1
    assert len(receiver.taken) == 3
    assert receiver.connections == 1


def test_rule_that_raises(receiver: Receiver, tmp_path: Path, handler: Callable[..., Door]) -> None:
    """A rule that raises becomes an alert of its own, and stops nothing."""
    (tmp_path / "configs.py").write_text(
        """
from trailbell.rules.base import Rule

class Broken(Rule):
    '''A rule that fails.'''
    id = "broken-rule"
    severity = "low"
    actions = ("iam:CreateAccessKey",)

    def match(self, event):
        raise KeyError("s3cret of the record")

    def title(self, event):
        return "never"

CUSTOM_RULES = [Broken]
"""
    )

    answer = handler()(payload(KEY, USER), Context())

    assert (answer["alerts"], answer["messages"], answer["failed"]) == (3, 3, 0)
    text = json.dumps(receiver.taken)
    assert "broken-rule" in text and "KeyError" in text
    assert "s3cret" not in text


def test_configs_of_the_folder(
    receiver: Receiver, tmp_path: Path, handler: Callable[..., Door]
) -> None:
    """The configs.py beside lambda_function.py is read, and the environment goes over it."""
    (tmp_path / "configs.py").write_text(
        "CHANNELS = 'https://127.0.0.1:1/x'\nACCOUNTS = {'111122223333': 'prod'}\n"
    )

    handler()(payload(KEY), Context())

    assert "prod" in json.dumps(receiver.taken)
