"""What lies in the last queue is posted once, and of a log group what nobody posted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.sqs.models import sqs_backends

import tables
from cli.conftest import Ran, Run
from fakes import Answer, Receiver, payload
from trailbell import app, aws
from trailbell.cli import redrive
from trailbell.errors import AwsError
from trailbell.ledger import alert_key
from trailbell.model import Event
from trailbell.redrive import Redriver
from trailbell.settings import Settings
from trailbell.state.dynamodb import DynamoLedger, Table
from trailbell.testing import call

pytestmark = pytest.mark.slow  # moto takes its time

GONE: Answer = (404, {}, "no_service")
BUSY: Answer = (429, {"Retry-After": "1"}, "")
GROUP = "CloudTrail/logs"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def key(number: int, by: str = "") -> dict[str, Any]:
    """A record that rings high."""
    who = by or f"mallory-{number:02}"
    return call("iam:CreateAccessKey", by=who, eventID=f"event-{number:04}").raw


def failed(*records: object) -> dict[str, Any]:
    """What Lambda tells its destination of an invocation that failed for good.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    return {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": payload(*records),
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "1 of 1 messages not delivered: slack: HTTP 404"},
    }


class Account:
    """An account of AWS with the ledger's table, the two queues, and a log group."""

    def __init__(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.receiver = receiver
        self.table = tables.make()
        self.sqs, self.logs = boto3.client("sqs"), boto3.client("logs")
        self.last = self.sqs.create_queue(QueueName="trailbell-last")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.last, AttributeNames=["QueueArn"])
        policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 96}
        self.retry = self.sqs.create_queue(
            QueueName="trailbell-retry", Attributes={"RedrivePolicy": json.dumps(policy)}
        )["QueueUrl"]
        self.environ = monkeypatch
        self.set(
            CHANNELS=json.dumps({"type": "slack", "url": receiver.slack, "pace": 0}),
            LEDGER_TABLE=self.table.name,
            RETRY_QUEUE_URL=self.retry,
        )

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.environ.setenv(f"TRAILBELL_{name}", value)

    def put(self, *bodies: object, queue: str = "") -> None:
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            self.sqs.send_message(QueueUrl=queue or self.last, MessageBody=text)

    def lies(self, queue: str = "") -> tuple[int, int]:
        """How many messages of a queue can be seen, and how many are in somebody's hands."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = queue or self.last
        said = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(said[names[0]]), int(said[names[1]])

    def items(self) -> list[dict[str, Any]]:
        found = boto3.client("dynamodb").scan(TableName=self.table.name)["Items"]
        return sorted(found, key=lambda item: item["pk"]["S"])

    def told_before(self, *records: dict[str, Any]) -> None:
        """An invocation told of them."""
        DynamoLedger(self.table).mark_all([key_of(record) for record in records])

    def log(self, *records: object, stream: str = "111122223333_CloudTrail_us-east-1") -> None:
        """Put records into the log group, a second apart."""
        if not self.logs.describe_log_groups()["logGroups"]:
            self.logs.create_log_group(logGroupName=GROUP)
        self.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        start = round(BEGAN.timestamp() * 1000)
        self.logs.put_log_events(
            logGroupName=GROUP,
            logStreamName=stream,
            logEvents=[
                {
                    "timestamp": start + 1000 * number,
                    "message": record if isinstance(record, str) else json.dumps(record),
                }
                for number, record in enumerate(records)
            ],
        )

    @property
    def told(self) -> list[str]:
        """Whom the messages that were taken are about."""
        texts = [json.dumps(body) for body in self.receiver.taken]
        return [text[text.index("mallory-") + 8 :][:2] for text in texts]


def key_of(record: dict[str, Any]) -> str:
    alerts, _ = app.bell(Settings()).alerts([Event(record)])
    return alert_key(alerts[0], "slack")


@pytest.fixture
def account(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(redrive, "POLL", 0)
    with tables.aws():
        yield Account(receiver, monkeypatch)


def lines(ran: Ran) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The objects on stdout, and the summary that ends them."""
    *said, summary = map(json.loads, ran.out.splitlines())
    return said, summary


def test_f20_posted_once(run: Run, account: Account) -> None:
    """F-20: what failed for good is posted and deleted; again, the ledger knows it."""
    account.put(failed(key(1), key(2)), payload(key(3)))

    said, summary = lines(run("redrive", "--format", "json"))

    assert sorted(account.told) == ["01", "02", "03"]
    assert account.lies() == (0, 0)
    assert [(one["state"], one["problem"]) for one in said] == [("done", "")] * 2
    assert {one["messages"] for one in said} == {1, 2}
    assert summary == {
        "queue": account.last, "dry_run": False, "done": 2, "left": 0, "messages": 3,
        "sent_before": 0, "alerts": 3,
    }  # fmt: skip

    account.put(failed(key(1), key(2)))
    ran = run("redrive")

    assert (ran.code, len(account.told), account.lies()) == (0, 3, (0, 0))
    assert ran.out.startswith("done  ") and ran.out.endswith("  0 posted, 2 sent before\n")
    assert ran.err == (
        "1 message of the queue done, 0 left: 0 chat messages posted, 2 sent before; 2 alerts.\n"
    )


def test_an_empty_queue(run: Run, account: Account) -> None:
    """Nothing to do is no failure."""
    ran = run("redrive", "--format", "json")

    assert (ran.code, ran.err) == (0, "")
    assert lines(ran)[1]["done"] == 0


def test_half_sent(run: Run, account: Account) -> None:
    """Of a message of the queue that was sent in part, the other part is posted."""
    account.told_before(key(1), key(3))
    account.put(failed(*map(key, range(1, 5))))

    summary = lines(run("redrive", "--format", "json"))[1]

    assert sorted(account.told) == ["02", "04"]
    assert (summary["messages"], summary["sent_before"], summary["done"]) == (2, 2, 1)


def test_a_group(run: Run, account: Account) -> None:
    """A group that was told is known; one that was told in part is the same group again."""
    group = [key(number, by="mallory-77") for number in range(6)]
    account.told_before(*group[:5])
    account.put(failed(*group))
    assert lines(run("redrive", "--format", "json"))[1]["messages"] == 1

    account.put(failed(*group))
    assert lines(run("redrive", "--format", "json"))[1]["sent_before"] == 1

    assert account.told == ["77"]


def test_a_dead_channel(run: Run, account: Account) -> None:
    """What the channel refuses stays in the queue, can be seen at once, and exits with 1."""
    account.receiver.answer(lambda _: GONE)
    account.put(failed(key(1)), failed(key(2)))

    ran = run("redrive")

    assert (ran.code, account.lies()) == (1, (2, 0))
    assert ran.out.count("left  ") == 2
    assert "1 of 1 messages not delivered: slack: HTTP 404 no_service" in ran.out
    assert "0 messages of the queue done, 2 left" in ran.err

    account.receiver.answer([])
    assert run("redrive").code == 0
    assert (sorted(account.told), account.lies()) == (["01", "02"], (0, 0))


def test_busy(run: Run, account: Account) -> None:
    """A channel that asks for a moment gets it."""
    account.receiver.answer([BUSY])
    account.put(failed(key(1)))
    started = time.monotonic()

    assert run("redrive").code == 0
    assert (account.told, account.lies()) == (["01"], (0, 0))
    assert time.monotonic() - started >= 1


def test_a_part_that_fails(run: Run, account: Account) -> None:
    """A message of the queue is deleted only when everything in it was posted."""
    account.receiver.answer([None, GONE])
    account.put(failed(key(1), key(2)))

    (one,), summary = lines(run("redrive", "--format", "json"))

    assert (one["state"], one["messages"]) == ("left", 1)
    assert (summary["left"], account.lies()) == (1, (1, 0))


@pytest.mark.parametrize("args", [(), ("--dry-run",)])
def test_what_cannot_be_read(run: Run, account: Account, args: tuple[str, ...]) -> None:
    """What is no payload stays and is named; the others are posted."""
    account.put("no payload", failed(key(1)))

    ran = run("redrive", "--format", "json", *args)

    said, summary = lines(ran)
    (bad,) = [one for one in said if one["state"] == "left"]
    assert "holds no JSON object" in bad["problem"]
    assert (ran.code, summary["done"], summary["left"]) == (1, 1, 1)
    assert account.lies() == ((2, 0) if args else (1, 0))


def test_dry_run(run: Run, account: Account) -> None:
    """A dry run says what would be posted and what is known, and changes nothing."""
    account.told_before(key(1))
    sign_ins = [
        call("iam:ListUsers", by="eve", error="AccessDenied", eventID=f"event-1{number:03}").raw
        for number in range(30)
    ]
    account.put(failed(key(1), key(2)), failed(*sign_ins))
    before = account.items()

    ran = run("redrive", "--dry-run", "--format", "json")
    text = run("redrive", "--dry-run")

    said, summary = lines(ran)
    assert (ran.code, text.code, account.receiver.requests) == (0, 0, [])
    assert (account.items(), account.lies()) == (before, (2, 0))
    posts = [one for message in said for one in message["posts"] if "mallory" in one["title"]]
    assert [(one["title"].count("mallory-01"), one["channel"]) for one in posts] == [
        (1, "slack"),
        (0, "slack"),
    ]
    assert [one["sent_before"] for one in posts] == [True, False]
    assert {message["state"] for message in said} == {"dry-run"}
    assert (summary["dry_run"], summary["sent_before"], summary["done"]) == (True, 1, 2)
    assert text.out.count("sent before  slack  ") == 1
    assert text.out.count("would post   slack  ") == summary["messages"]
    assert "2 messages of the queue would be done" in text.err


def test_a_run_is_closed(run: Run, account: Account) -> None:
    """What was to close a run closes it; a dry run leaves it open, and knows a closed one."""
    slack = {"type": "slack", "url": account.receiver.slack}
    first, second = {**slack, "rules": ["root-*"]}, {**slack, "name": "second"}
    account.set(CHANNELS=json.dumps([first, second]))
    change = call("dynamodb:CreateTable", by="mallory-55", eventID="event-0001").raw
    account.put(payload(change), payload({**change, "eventID": "event-0002"}))
    run("redrive")
    body = json.loads(_delayed())
    account.put(body)
    before = account.items()

    dry = lines(run("redrive", "--dry-run", "--format", "json"))[1]
    assert (dry["messages"], dry["sent_before"]) == (1, 0)
    assert (account.told, account.items()) == (["55"], before)

    assert run("redrive").code == 0
    assert account.told == ["55", "55"]

    account.put(body)
    dry = lines(run("redrive", "--dry-run", "--format", "json"))[1]
    assert (dry["messages"], dry["sent_before"]) == (0, 1)


def _delayed() -> str:
    """The body of the message that waits in the retry lane; moto keeps it in the open."""
    (one,) = sqs_backends["123456789012"][tables.REGION].queues["trailbell-retry"]._messages
    return str(one.body)


def test_another_queue(run: Run, account: Account) -> None:
    """--queue names another queue; it needs no retry lane, nor a ledger."""
    other = account.sqs.create_queue(QueueName="other")["QueueUrl"]
    account.set(RETRY_QUEUE_URL="", LEDGER_TABLE="")
    account.put(failed(key(1)), queue=other)

    ran = run("redrive", "--queue", other)

    assert (ran.code, account.told, account.lies(other)) == (0, ["01"], (0, 0))


def test_twice_in_one_run(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that SQS brings again within a run is not tried again."""
    monkeypatch.setattr(redrive, "HOLD", 0)  # it can be seen again at once
    account.receiver.answer(lambda _: GONE)
    account.put(failed(key(1)))
    answers = iter([True] * 3)

    def call_(client: Any, operation: str, **request: Any) -> Any:
        if operation == "receive_message" and not next(answers, False):
            return {}
        return real(client, operation, **request)

    real = aws.call
    monkeypatch.setattr(aws, "call", call_)

    said, summary = lines(run("redrive", "--format", "json"))

    assert (len(said), summary["left"], len(account.receiver.requests)) == (1, 1, 1)


def test_interrupted(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C gives back what was taken out of the queue."""
    account.receiver.answer([GONE])
    account.put(*(failed(key(number)) for number in range(3)))
    real = Redriver.redrive
    calls: list[object] = []

    def stop(*args: Any, **more: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(Redriver, "redrive", stop)

    ran = run("redrive")

    assert (ran.code, account.lies()) == (130, (3, 0))
    assert "0 messages of the queue done, 1 left" in ran.err


def test_not_deleted(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was posted and cannot be deleted is left, and says why."""

    def refuse(client: Any, operation: str, **request: Any) -> Any:
        if operation == "delete_message":
            raise AwsError(operation, "AccessDenied")
        return real(client, operation, **request)

    real = aws.call
    monkeypatch.setattr(aws, "call", refuse)
    account.put(failed(key(1)))

    ran = run("redrive")

    assert (ran.code, account.told, account.lies()) == (1, ["01"], (1, 0))
    assert "everything in it was sent, but delete_message: AccessDenied" in ran.out


@pytest.mark.parametrize("args", [(), ("--dry-run",)])
def test_no_ledger_any_more(run: Run, account: Account, args: tuple[str, ...]) -> None:
    """Where the ledger does not answer nothing is posted: in the queue it is safe."""
    account.set(LEDGER_TABLE="no-such-table")
    account.put(failed(key(1)), failed(key(2)))

    ran = run("redrive", *args)

    assert (ran.code, account.receiver.requests, account.lies()) == (1, [], (2, 0))
    assert "Stopped, since the ledger does not answer: batch_get_item: Resource" in ran.err


def test_pace(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel's pace holds over the messages of the queue, not in each alone."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    slow = {"type": "slack", "url": account.receiver.slack, "pace": 1.5}
    account.set(CHANNELS=json.dumps(slow))
    account.put(*(failed(key(number)) for number in range(7)))

    assert run("redrive").code == 0
    assert sum(naps) == 2 * 1.5


@pytest.mark.parametrize("args", [(), ("--log-group", GROUP, "--since", "3h")])
def test_on_a_terminal(
    run: Run, account: Account, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    """On a terminal a bar shows on stderr how far it has come."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    account.put(failed(key(1)))
    account.log(key(1))

    ran = run("redrive", *args)

    assert (ran.code, account.told) == (0, ["01"])
    assert "redrive" in ran.err and "%" in ran.err


def log_group(run: Run, *args: str, since: str = "3h") -> Ran:
    return run("redrive", "--log-group", GROUP, "--since", since, "--format", "json", *args)


def test_f22_logs_that_were_skipped(run: Run, account: Account) -> None:
    """F-22: of a log group what the ledger does not know is posted; again, nothing is."""
    account.told_before(key(1), key(2))
    account.log(*map(key, range(1, 8)), "{no json")

    ran = log_group(run)
    (summary,) = map(json.loads, ran.out.splitlines())

    assert (ran.code, ran.err) == (0, "")
    texts = [json.dumps(body) for body in account.receiver.taken]
    assert sum("mallory" in text for text in texts) == 5
    assert not any("mallory-01" in text or "mallory-02" in text for text in texts)
    assert (summary["events"], summary["unparsed"], summary["alerts"]) == (7, 1, 8)
    assert (summary["messages"], summary["sent_before"], summary["problem"]) == (6, 2, "")
    assert summary["handled_until"] == summary["until"]

    account.receiver.requests.clear()
    again = json.loads(log_group(run).out)
    assert (account.receiver.requests, again["messages"], again["sent_before"]) == ([], 0, 8)


def test_the_same_names(run: Run, account: Account) -> None:
    """What the function told of is known in the log group, even what cannot be read."""
    account.put(failed(key(1), "{no json"))
    assert lines(run("redrive", "--format", "json"))[1]["messages"] == 2
    account.log(key(1), "{no json")

    said = json.loads(log_group(run).out)

    assert (said["messages"], said["sent_before"]) == (0, 2)


def test_a_group_that_was_told_in_part(run: Run, account: Account) -> None:
    """What was told is left out before the rest is grouped: nothing of it doubles."""
    group = [key(number, by="mallory-77") for number in range(8)]
    account.told_before(*group[:5])
    account.log(*group)

    summary = json.loads(log_group(run).out)

    assert (summary["messages"], summary["sent_before"]) == (3, 5)
    assert all("event-000" in json.dumps(body) for body in account.receiver.taken)
    assert not any(
        f"event-000{number}" in json.dumps(body)
        for body in account.receiver.taken
        for number in range(5)
    )


def test_nothing_waits_in_a_run(run: Run, account: Account) -> None:
    """What is told so late opens no run, and waits in none."""
    changes = [
        call("dynamodb:CreateTable", by="mallory-55", eventID=f"event-{number:04}").raw
        for number in range(3)
    ]
    account.log(*changes)

    assert json.loads(log_group(run).out)["messages"] == 3
    assert account.lies(account.retry) == (0, 0)


def test_pages(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages of a log group are read to the end; a record of two trails counts once."""
    _paged(monkeypatch)
    account.log(*map(key, range(1, 4)))
    account.log(*map(key, range(3, 0, -1)), stream="two")
    before = account.items()

    dry = log_group(run, "--dry-run")
    *posts, summary = map(json.loads, dry.out.splitlines())
    assert len(posts) == summary["messages"] == summary["alerts"] == 3
    assert (account.items(), account.receiver.requests) == (before, [])

    assert json.loads(log_group(run).out)["alerts"] == 3
    assert sorted(account.told) == ["01", "02", "03"]
    text = run("redrive", "--log-group", GROUP, "--since", "3h", "--dry-run")
    assert (text.code, text.out) == (0, "")
    assert text.err == "6 records, 3 alerts, 3 sent before; 0 chat messages would be posted.\n"


def _paged(monkeypatch: pytest.MonkeyPatch, fail: int = 0) -> None:
    """Pages of two log events; so many as the number says, then AWS says no."""
    real = aws.call
    pages: list[object] = []

    def call_(client: Any, operation: str, **request: Any) -> Any:
        if operation == "filter_log_events":
            pages.append(request)
            if fail and len(pages) > fail:
                raise AwsError(operation, "ThrottlingException")
            request["limit"] = 2
        return real(client, operation, **request)

    monkeypatch.setattr(aws, "call", call_)


def stamp(seconds: int) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def test_times(run: Run, account: Account) -> None:
    """Only what happened between the two times is looked at; a time is the settings' own."""
    account.set(TIMEZONE="Asia/Tokyo")
    account.log(*map(key, range(5)))
    local = (BEGAN + timedelta(hours=9, seconds=1)).replace(tzinfo=None).isoformat()

    ran = log_group(run, "--until", stamp(2), since=local)

    assert sorted(account.told) == ["01", "02"]
    assert json.loads(ran.out)["since"] == local + ".000+09:00"


def test_days(run: Run, account: Account) -> None:
    """A day begins at midnight; as --until it is over at the next one."""
    day = f"{BEGAN:%Y-%m-%d}"
    account.log(key(1))

    said = json.loads(log_group(run, "--until", day, since=day).out)

    assert (said["since"], said["until"][:19]) == (
        f"{day}T00:00:00.000+00:00",
        f"{BEGAN + timedelta(days=1):%Y-%m-%d}T00:00:00",
    )
    assert account.told == ["01"]


def test_the_channel_dies_on_the_way(
    run: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops where something is left, says up to when all was handled, and exits with 1."""
    _paged(monkeypatch)
    account.receiver.answer([None, None, None, GONE])
    account.log(*map(key, range(6)))

    ran = log_group(run)

    said = json.loads(ran.out)
    assert (ran.code, said["handled_until"]) == (1, stamp(2))
    assert "slack: HTTP 404 no_service" in said["problem"]

    account.receiver.answer([])
    text = run("redrive", "--log-group", GROUP, "--since", said["handled_until"])
    assert (text.code, sorted(account.told)) == (0, [f"{number:02}" for number in range(6)])


def test_aws_fails_on_the_way(run: Run, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where AWS does not give the next page, it says up to when all was handled."""
    _paged(monkeypatch, fail=2)
    account.log(*map(key, range(6)))

    ran = run("redrive", "--log-group", GROUP, "--since", "3h")

    assert (ran.code, len(account.told)) == (1, 4)
    assert "Stopped: filter_log_events: ThrottlingException" in ran.err
    assert f"Everything before {stamp(3)} was handled" in ran.err


def test_the_ledger_goes_down_on_the_way(
    run: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is posted blindly: it stops before the page that the ledger does not know."""
    _paged(monkeypatch)
    account.log(*map(key, range(6)))
    real = Table.call

    def call_(self: Table, operation: str, **request: Any) -> Any:
        if operation == "batch_get_item" and len(account.told) == 2:
            self.name = "gone"
        return real(self, operation, **request)

    monkeypatch.setattr(Table, "call", call_)

    ran = log_group(run)

    said = json.loads(ran.out)
    assert (ran.code, len(account.told), said["handled_until"]) == (1, 2, stamp(2))
    assert "ResourceNotFoundException" in said["problem"]


def test_long_ago(run: Run, account: Account) -> None:
    """Beyond the ledger's memory something may double, which is said."""
    account.log(key(1))

    ran = log_group(run, since="15d")

    assert (ran.code, account.told) == (0, ["01"])
    assert ran.err == (
        "The ledger forgets after 14 days: what was sent before may be posted again.\n"
    )


LOGS = ("--log-group", GROUP)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--since", "2h"), "--since and --until go with --log-group"),
        (("--until", "2h"), "--since and --until go with --log-group"),
        ((*LOGS, "--since", "2h", "--queue", "https://x"), "name one of them"),
        (LOGS, "--log-group goes with --since"),
        ((*LOGS, "--since", "yesterday"), "--since 'yesterday' is no time: write 2026-03-17,"),
        ((*LOGS, "--since", "2026-02-30"), "--since '2026-02-30' is no time"),
        ((*LOGS, "--since", "999999d"), "--since '999999d' is no time"),
        ((*LOGS, "--since", "2h", "--until", "2"), "--until '2' is no time"),
        ((*LOGS, "--since", "2h", "--until", "9999-12-31"), "--until '9999-12-31' is no time"),
        ((*LOGS, "--since", "1h", "--until", "2h"), "--since has to be before --until"),
        ((*LOGS, "--since", "2999-01-01"), "--since has to be before --until"),
        (("--config", "none.py"), "--config none.py: there is no such file"),
        ((*LOGS, "--since", "2h"), "--log-group needs LEDGER_TABLE"),
        ((), "no queue is known: set RETRY_QUEUE_URL, or name one with --queue"),
    ],
)
def test_bad_usage(
    run: Run, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], words: str
) -> None:
    """What cannot be done is told in one line, and exits with 2."""
    monkeypatch.setenv("TRAILBELL_CHANNELS", "https://hooks.slack.com/services/T0/B0/x")

    refused(run("redrive", *args), words)


def refused(ran: Ran, words: str) -> None:
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("trailbell: ") and words in ran.err
    assert ran.err.count("\n") == 1


def test_there_is_none(run: Run, account: Account) -> None:
    """A queue or a log group that is not there is told in one line."""
    none = "https://sqs.us-east-1.amazonaws.com/123456789012/none"
    refused(run("redrive", "--queue", none), "get_queue_attributes: ")
    refused(log_group(run), f"log group {GROUP}: filter_log_events: ResourceNotFoundException")

    account.set(RETRY_QUEUE_URL=account.last)
    refused(run("redrive"), "RETRY_QUEUE_URL has no dead-letter queue: name one with --queue")


def test_no_settings(run: Run) -> None:
    """Without any settings one line says what it needs."""
    refused(run("redrive"), "CHANNELS is empty: redrive posts, and needs the function's settings")


def test_aws_is_out_of_reach(run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials, or a way to AWS, one line says so."""
    monkeypatch.setattr(redrive, "TRIES", 1)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": tables.REGION,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "TRAILBELL_CHANNELS": receiver.slack,
    }.items():
        monkeypatch.setenv(name, value)

    ran = run("redrive", "--queue", "http://127.0.0.1:9/123456789012/last")

    refused(ran, "get_queue_attributes: EndpointConnectionError")


def test_without_boto3(run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 is an extra on the command line: without it one line names it."""
    monkeypatch.setenv("TRAILBELL_CHANNELS", receiver.slack)
    monkeypatch.setitem(sys.modules, "boto3", None)

    refused(run("redrive", "--queue", "https://example.com/q"), "this needs boto3")
