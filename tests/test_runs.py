"""Runs: the first of a kind rings at once, the others are one message later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

import judges
import lambda_function
import tables
from fakes import Clock, Context, Door, Receiver, door, payload, receiving
from trailbell import app
from trailbell.compose import Reader, of_run
from trailbell.errors import DeliveryIncomplete
from trailbell.model import Event, Severity, say
from trailbell.runs import CLOSES, LENGTH, Member, Run, closes_run
from trailbell.state.base import FULL
from trailbell.testing import call, user

TERRAFORM = user("terraform")
NOTE = "More of the same within 15 minutes will come as one message"


def change(number: int, by: Any = TERRAFORM, **more: Any) -> dict[str, Any]:
    """A change by an IAM user that no other rule wants: `iam-user-activity`, info."""
    at = datetime(2026, 3, 17, 16, tzinfo=UTC) + timedelta(seconds=number)
    return call(
        "dynamodb:CreateTable",
        by=by,
        eventID=f"change-{number:04}",
        eventTime=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        **more,
    ).raw


class Lane:
    """The function with its table and its queue, and whoever hears of it."""

    def __init__(self, receiver: Receiver, door: Callable[..., Door]) -> None:
        self.receiver = receiver
        self.sqs = boto3.client("sqs")
        self.queue = self.sqs.create_queue(QueueName="retry")["QueueUrl"]
        self.table = tables.make().name
        self.handler = door(
            CHANNELS=receiver.slack, LEDGER_TABLE=self.table, RETRY_QUEUE_URL=self.queue
        )

    def run(self, *events: dict[str, Any]) -> dict[str, Any]:
        return self.handler(payload(*events), Context())

    def closers(self) -> list[dict[str, Any]]:
        """What lies in the queue, delayed or not: moto keeps it in the open."""
        from moto.sqs.models import sqs_backends

        backend = sqs_backends["123456789012"][tables.REGION]
        return [json.loads(one.body) for one in backend.queues["retry"]._messages]

    def close(self, *bodies: dict[str, Any]) -> dict[str, Any]:
        """The queue brings them back."""
        records = [
            {"eventSource": "aws:sqs", "messageId": f"m-{n}", "body": json.dumps(body)}
            for n, body in enumerate(bodies)
        ]
        return self.handler({"Records": records}, Context())

    @property
    def texts(self) -> list[str]:
        return [judges.slack(body).plain for body in self.receiver.taken]


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lane]:
    with tables.aws(), receiving() as receiver:
        yield Lane(receiver, lambda **more: door(monkeypatch, tmp_path, Clock(), **more))


def test_two_hundred_changes(lane: Lane) -> None:
    """200 changes by one user that arrive five at a time are two messages, and all are counted."""
    answers = [lane.run(*map(change, range(start, start + 5))) for start in range(0, 200, 5)]

    assert [answer["messages"] for answer in answers] == [1, *[0] * 39]
    assert sum(answer["alerts"] for answer in answers) == 200
    assert NOTE in lane.texts[0]
    [closer] = lane.closers()

    answer = lane.close(closer)

    assert (answer["messages"], answer["failed"], answer["batchItemFailures"]) == (1, 0, [])
    assert "199 more in 15 minutes" in lane.texts[1]
    assert "200 times in all, 16:00:00 to 16:03:19" in lane.texts[1]
    assert len(lane.texts) == 2


def test_closed_once(lane: Lane) -> None:
    """A closing message that comes again and again posts once."""
    lane.run(*map(change, range(5)))
    [closer] = lane.closers()

    for _ in range(3):
        assert lane.close(closer, closer)["batchItemFailures"] == []
    assert len(lane.texts) == 2


def test_one_alone(lane: Lane) -> None:
    """A run that nothing followed ends without a word."""
    lane.run(change(1))
    [closer] = lane.closers()

    answer = lane.close(closer)

    assert (answer["messages"], answer["batchItemFailures"]) == (0, [])
    assert len(lane.texts) == 1


def test_after_it_is_closed(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after a run was closed is told, and when its time is over opens the next."""
    lane.run(change(1), change(2))
    lane.close(*lane.closers())
    lane.run(change(3))
    assert len(lane.texts) == 3

    later = datetime.now(UTC).timestamp() + LENGTH + 1
    monkeypatch.setattr("time.time", lambda: later)
    lane.run(change(4), change(5))

    assert len(lane.texts) == 4
    assert len(lane.closers()) == 2


def test_kinds_are_apart(lane: Lane) -> None:
    """Another actor, account or rule is another run."""
    other = change(2, by=user("ansible"))
    elsewhere = change(3, recipientAccountId="444455556666")

    lane.run(change(1), other, elsewhere)
    lane.run(change(4), change(5, by=user("ansible")))

    assert len(lane.texts) == 3
    assert len(lane.closers()) == 3


def test_high_is_never_held(lane: Lane) -> None:
    """Critical and high alerts are told at once, however many they are."""
    keys = [call("iam:CreateAccessKey", by="eve", eventID=f"key-{n}").raw for n in range(4)]

    for key in keys:
        assert lane.run(key)["messages"] == 1
    assert lane.closers() == []


def test_a_payload_that_comes_again(lane: Lane) -> None:
    """A repeated invocation posts nothing and counts nothing twice, before and after the end."""
    events = list(map(change, range(7)))
    lane.run(*events)
    lane.run(*events)
    lane.close(*lane.closers())
    lane.run(*events)

    assert len(lane.texts) == 2
    assert "6 more in 15 minutes" in lane.texts[1]


def test_the_first_was_not_taken(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first message that Slack refused is told by the repeated invocation, the run goes on."""
    lane.receiver.answer(lambda n: (500, {}, "") if n < 3 else None)
    with pytest.raises(DeliveryIncomplete):
        lane.run(change(1), change(2))
    lane.run(change(3))
    retry = datetime.now(UTC).timestamp() + 60  # the claim of the post in doubt is over by then
    monkeypatch.setattr("time.time", lambda: retry)
    lane.run(change(1), change(2))

    assert len(lane.texts) == 1
    lane.close(*lane.closers()[:1])
    assert "2 more in 15 minutes" in lane.texts[1]


def test_a_full_run(lane: Lane) -> None:
    """More at once than a run can hold speak for themselves: nothing is uncounted."""
    answer = lane.run(*map(change, range(FULL + 1)))

    assert answer["messages"] == 1
    assert f"×{FULL + 1:,}" in lane.texts[0]
    assert lane.closers() == []


@pytest.mark.parametrize("missing", ["queue", "table"])
def test_without(missing: str, lane: Lane) -> None:
    """Where the queue or the table is gone, each invocation speaks for itself."""
    if missing == "queue":
        lane.sqs.delete_queue(QueueUrl=lane.queue)
    else:
        boto3.client("dynamodb").delete_table(TableName=lane.table)

    for number in (1, 2):
        assert lane.run(change(number))["messages"] == 1
    assert not any(NOTE in text for text in lane.texts)


def test_a_channel_that_is_gone(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a run of a channel that was taken out of the settings is told in the first."""
    lane.run(change(1), change(2))
    channels = [{"type": "slack", "url": lane.receiver.slack, "name": "other"}]
    monkeypatch.setenv("TRAILBELL_CHANNELS", json.dumps(channels))
    monkeypatch.setattr(lambda_function, "process", app.Process())

    assert lane.close(*lane.closers())["messages"] == 1


def test_ledger_down_at_the_end(lane: Lane) -> None:
    """A run whose end cannot be looked up comes again: the item fails."""
    lane.run(change(1), change(2))
    closers = lane.closers()
    boto3.client("dynamodb").delete_table(TableName=lane.table)

    answer = lane.close(*closers)

    assert answer["batchItemFailures"] == [{"itemIdentifier": "m-0"}]


def test_a_run_that_is_lost(lane: Lane) -> None:
    """A run that the ledger has lost is a failure that stays, not a silence."""
    lane.run(change(1), change(2))
    dynamodb = boto3.client("dynamodb")
    for item in dynamodb.scan(TableName=lane.table)["Items"]:
        dynamodb.delete_item(TableName=lane.table, Key={"pk": item["pk"]})

    answer = lane.close(*lane.closers())

    assert answer["batchItemFailures"] == [{"itemIdentifier": "m-0"}]


@given(
    st.from_type(datetime).map(lambda t: t.replace(microsecond=0, tzinfo=UTC)) | st.none(),
    st.sampled_from(Severity),
    st.text(),
    st.text(),
)
def test_members_survive(
    time: datetime | None, severity: Severity, event_id: str, action: str
) -> None:
    """What is noted of an alert comes back, whatever stands in its record."""
    member = Member("k" * 16, time, severity, "denied", "eu-west-1", event_id, action)

    again = Member.unpacked(member.packed())

    assert again[:5] == member[:5]
    assert again.event_id == "".join(event_id.split())[:128] or event_id in ("-",)


def test_what_closes_a_run() -> None:
    """Only our own body is taken for one."""
    assert closes_run({CLOSES: {"kind": "k", "run": "r"}})
    others: list[object] = [{}, {CLOSES: None}, {CLOSES: {"kind": "k"}}, [], None, "x"]
    for other in others:
        assert not closes_run(other)


def test_how_it_reads() -> None:
    """A run's end says how many, by whom, what, and how to mute it."""
    event = Event(change(0))
    members = [
        Member("k", datetime(2026, 3, 17, 16, 0, n, tzinfo=UTC), Severity.INFO, "succeeded",
               "eu-west-1", f"change-{n:04}", "dynamodb:CreateTable")
        for n in range(1, 15)
    ]  # fmt: skip
    run = Run(
        "first", "slack", "iam-user-activity", "111122223333", "terraform", event.actor.phrase,
        event.actor.about, "made changes", event.time, Severity.INFO, tuple(members),
    )  # fmt: skip
    message = of_run(run, Reader(accounts={"111122223333": "production"}, year=2026))

    assert str(message.title) == "terraform made changes 15 times in all, 16:00:00 to 16:00:14"
    assert str(message.place) == "production · 14 more in 15 minutes"
    assert message.count == 14
    assert message.events == tuple(f"change-{n:04}" for n in range(1, 6))
    assert say(
        "{} in MUTES", '{"rule": "iam-user-activity", "actor": "terraform", "reason": "…"}'
    ) in [line.text for line in message.lines]
