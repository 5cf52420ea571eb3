"""The numbered failures of delivery, each through the door: what must happen, happens."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import judges
import lambda_function
import tables
from conftest import logged
from fakes import (
    TOKEN,
    WEBHOOK,
    Act,
    Clock,
    Context,
    Door,
    Receiver,
    door,
    payload,
    receiving,
    refusal,
)
from judges import HOSTILE
from trailbell.errors import ConfigError, DeliveryIncomplete, PayloadError
from trailbell.secrets import MAX_AGE
from trailbell.testing import call, root, sign_in

Handler = Callable[..., Door]
OVER = 60  # seconds: when Lambda tries again


def key(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A record that rings high."""
    more = {"eventID": f"event-{number:04}", **fields}
    return call("iam:CreateAccessKey", by=f"mallory-{number:02}", **more).raw


def told(receiver: Receiver) -> list[str]:
    """Whom the messages that were taken are about."""
    texts = [json.dumps(body) for body in receiver.taken]
    return [text[text.index("mallory-") + 8 :][:2] for text in texts]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, receiver: Receiver
) -> Iterator[Handler]:
    """The door with these settings; Slack alone, and no table, where they do not say otherwise."""

    def make(**settings: Any) -> Door:
        return door(monkeypatch, tmp_path, clock, **{"CHANNELS": receiver.slack} | settings)

    with tables.aws():
        yield make


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Turn the clock by which leases end."""
    begun = time.time()

    def turn(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: begun + seconds)

    return turn


def said(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The last line of an invocation."""
    lines = [record.getMessage() for record in caplog.records if record.name == "trailbell"]
    found: dict[str, Any] = next(json.loads(one) for one in reversed(lines) if '"events"' in one)
    return found


def test_f01_an_odd_record(handler: Handler, receiver: Receiver) -> None:
    """F-01: a root record without a userName rings like any other, and so do its neighbours."""
    odd = sign_in(by=root()).raw
    odd["userIdentity"].pop("userName", None)

    answer = handler()(payload(key(1), key(2), odd, key(3)), Context())

    assert (answer["messages"], answer["failed"]) == (4, 0)
    assert any("root user" in json.dumps(body) for body in receiver.taken)


def test_f02_no_record(handler: Handler, receiver: Receiver) -> None:
    """F-02: a message that is no JSON is told, cut and inert; another schema is a record."""
    answer = handler()(payload("<!channel> " * 9_000, key(), {"class_uid": 6003}), Context())

    assert (answer["unparsed"], answer["messages"]) == (1, 2)
    shown = [body for body in receiver.taken if "could not be read" in json.dumps(body)]
    judges.slack_literal(shown[0], "<!channel>")


def test_f03_control_message(handler: Handler, receiver: Receiver) -> None:
    """F-03: CloudWatch Logs asks whether somebody is there: no post, no error."""
    answer = handler()(payload("CWL CONTROL MESSAGE", messageType="CONTROL_MESSAGE"), Context())

    assert not any(answer.values())
    assert not receiver.requests


def test_f04_data(handler: Handler, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """F-04: zlib is read like gzip; what is corrupt raises, and the log line names it."""
    run = handler()
    raw = gzip.decompress(base64.b64decode(payload(key())["awslogs"]["data"]))
    run({"awslogs": {"data": base64.b64encode(zlib.compress(raw)).decode()}}, Context())
    assert len(receiver.taken) == 1

    for broken in ("%%%", base64.b64encode(b"plain").decode(),
                   base64.b64encode(gzip.compress(raw)[:-20]).decode()):  # fmt: skip
        with pytest.raises(PayloadError) as error:
            run({"awslogs": {"data": broken}}, Context())
        assert said(caplog)["problems"] == {"payload": str(error.value)}
    assert len(receiver.taken) == 1


def test_f05_bomb(handler: Handler, receiver: Receiver) -> None:
    """F-05: what unpacks to more than the cap is not processed at all."""
    bomb = base64.b64encode(gzip.compress(bytes(65 << 20), 9)).decode()

    with pytest.raises(PayloadError, match="64 MiB"):
        handler()({"awslogs": {"data": bomb}}, Context())
    assert not receiver.requests


def test_f06_half_of_the_batch(handler: Handler, receiver: Receiver) -> None:
    """F-06: a 429 after half of the batch ends this channel only; the retry posts the rest."""
    with receiving() as other:
        channels = [receiver.slack, {**other.telegram, "pace": 0}]
        run = handler(CHANNELS=channels, LEDGER_TABLE=tables.make().name)
        receiver.answer(lambda n: (429, {"Retry-After": "300"}, "") if n > 2 else None)
        events = [key(number) for number in range(4)]
        with pytest.raises(DeliveryIncomplete, match="2 of 8 messages not delivered"):
            run(payload(*events), Context())
        assert (len(receiver.taken), len(other.taken)) == (2, 4)

        receiver.answer(())
        assert run(payload(*events), Context())["messages"] == 2

        assert sorted(told(receiver)) == ["00", "01", "02", "03"]
        assert len(other.taken) == 4


def test_f07_an_hour(handler: Handler, receiver: Receiver, clock: Clock) -> None:
    """F-07: a Retry-After of an hour is nobody's to sleep."""
    receiver.answer([(429, {"Retry-After": "3600"}, "")])

    with pytest.raises(DeliveryIncomplete):
        handler()(payload(key()), Context(clock))
    assert clock.slept == 0


@pytest.mark.parametrize("answer", [(503, {}, ""), Act.CLOSE], ids=["503", "no-answer"])
def test_f08_in_doubt(
    answer: Any,
    handler: Handler,
    receiver: Receiver,
    later: Callable[[float], None],
) -> None:
    """F-08: one more try, then it raises; its claim stands until the retry may take it over."""
    run = handler(LEDGER_TABLE=tables.make().name)
    receiver.answer([answer, answer])
    with pytest.raises(DeliveryIncomplete):
        run(payload(key()), Context())
    assert len(receiver.requests) == 2
    with pytest.raises(DeliveryIncomplete, match="another invocation"):
        run(payload(key()), Context())

    later(OVER)
    assert run(payload(key()), Context())["messages"] == 1


@pytest.mark.parametrize("kind", ["slack", "telegram"])
def test_f09_our_formatting(kind: str, handler: Handler, receiver: Receiver) -> None:
    """F-09: what a channel cannot parse goes again as plain text, in the same attempt."""
    parse = refusal(400, "Bad Request: can't parse entities: unsupported start tag")
    receiver.answer([parse if kind == "telegram" else (400, {}, "invalid_blocks")])
    channel = receiver.telegram if kind == "telegram" else receiver.slack

    answer = handler(CHANNELS=[channel], LEDGER_TABLE=tables.make().name)(payload(key()), Context())

    assert (answer["messages"], answer["failed"]) == (1, 0)
    assert not {"blocks", "parse_mode"} & receiver.taken[0].keys()


DEAD: list[Any] = [
    (404, {}, "no_service"),
    (410, {}, "channel_is_archived"),
    (403, {}, "invalid_token"),
]


@pytest.mark.parametrize("dead", DEAD, ids=lambda answer: answer[2])
class TestF10:
    """F-10: the secret is read again once; then the channel is dead."""

    def test_a_new_secret(self, dead: Any, handler: Handler, receiver: Receiver) -> None:
        """A secret that was changed in its store serves the same invocation."""
        ssm = boto3.client("ssm")

        def put(path: str) -> None:
            ssm.put_parameter(
                Name="/slack", Value=f"{receiver.address}{path}", Type="SecureString",
                Overwrite=True,
            )  # fmt: skip

        put("/old/hook")
        run = handler(CHANNELS=[{"type": "slack", "url": "ssm:/slack"}])
        run(payload(key(1)), Context())
        put("/new/hook")
        receiver.answer([dead])

        assert run(payload(key(2)), Context())["messages"] == 1
        assert [one.path for one in receiver.requests] == ["/old/hook", "/old/hook", "/new/hook"]

    def test_dead(
        self,
        dead: Any,
        handler: Handler,
        receiver: Receiver,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Without a fallback it raises, and the line names the channel."""
        receiver.answer(lambda _: dead)
        boto3.client("ssm").put_parameter(Name="/slack", Value=receiver.slack, Type="String")

        with pytest.raises(DeliveryIncomplete):
            handler(CHANNELS=[{"type": "slack", "url": "ssm:/slack"}])(payload(key()), Context())
        assert len(receiver.requests) == 1
        assert said(caplog)["dead"] == ["slack"]

    def test_fallback(
        self,
        dead: Any,
        handler: Handler,
        receiver: Receiver,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Its fallback gets all of it, whatever that one's own filters, and nothing raises."""
        receiver.answer(lambda _: dead)
        with receiving() as other:
            fallback = {**other.telegram, "name": "phone", "min_severity": "critical"}
            channels = [{"type": "slack", "url": receiver.slack, "fallback": "phone"}, fallback]
            run = handler(CHANNELS=channels, LEDGER_TABLE=tables.make().name)
            answer = run(payload(key(1), key(2)), Context())
            again = run(payload(key(1), key(2)), Context())

            assert (answer["messages"], answer["failed"]) == (2, 0)
            assert (again["messages"], again["failed"]) == (0, 0)
            assert len(other.taken) == 2
            assert "which refused it" in other.taken[0]["text"]
        assert len(receiver.requests) == 1
        lines = [r.getMessage() for r in caplog.records if '"dead": ["slack"]' in r.getMessage()]
        assert lines


def test_f11_all_dead(handler: Handler, receiver: Receiver) -> None:
    """F-11: where the fallback refuses too, the invocation raises and the event is kept."""
    receiver.answer(lambda _: (404, {}, "no_service"))
    channels = [
        {"type": "slack", "url": receiver.slack, "name": "a", "fallback": "b"},
        {"type": "slack", "url": receiver.slack, "name": "b", "min_severity": "critical"},
    ]
    with pytest.raises(DeliveryIncomplete, match="1 of 1 messages not delivered"):
        handler(CHANNELS=channels)(payload(key()), Context())


class Killed(BaseException):
    """Nobody catches it: the process is gone."""


@pytest.mark.parametrize(
    ("operation", "doubles"), [("update_item", 1), ("send", 0)], ids=["F-12", "F-13"]
)
def test_f12_f13_killed(
    operation: str,
    doubles: int,
    handler: Handler,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    later: Callable[[float], None],
) -> None:
    """F-12, F-13: killed between post and mark, the retry doubles that one; killed between claim
    and post, it posts it once. (test_kills.py kills real processes.)"""
    from trailbell import aws
    from trailbell.channels.slack import Slack

    run = handler(LEDGER_TABLE=tables.make().name)
    with monkeypatch.context() as patch:
        if operation == "send":
            patch.setattr(Slack, "send", lambda *_: (_ for _ in ()).throw(Killed))
        else:
            ask = aws.call

            def killed(client: Any, name: str, **request: Any) -> Any:
                if name == operation and "SENT" in str(request):
                    raise Killed
                return ask(client, name, **request)

            patch.setattr(aws, "call", killed)
        with pytest.raises(Killed):
            run(payload(key()), Context())

    later(OVER)
    run(payload(key()), Context())

    assert len(receiver.taken) == 1 + doubles


def test_f14_four_copies(handler: Handler, receiver: Receiver) -> None:
    """F-14: the same event again and again is one message. (test_ledger.py: at once.)"""
    run = handler(LEDGER_TABLE=tables.make().name)

    answers = [run(payload(key(), log_group=f"trail-{n}"), Context()) for n in range(4)]

    assert [answer["messages"] for answer in answers] == [1, 0, 0, 0]
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("why", ["missing", "denied", "throttled"])
def test_f15_ledger_down(
    why: str,
    handler: Handler,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """F-15: a ledger that does not work costs no alert, is asked once, and is told of."""
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    codes = {"denied": "AccessDeniedException", "throttled": "ThrottlingException"}
    asked: list[str] = []

    def refuse(self: Any, operation: str, request: Any) -> Any:
        asked.append(operation)
        raise ClientError({"Error": {"Code": codes[why], "Message": "x"}}, operation)

    if why in codes:
        monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    run = handler(LEDGER_TABLE="nobody-made-it")

    answer = run(payload(key(1), key(2), key(3)), Context())

    assert (answer["messages"], answer["failed"]) == (3, 0)
    assert "down" in said(caplog)["ledger"] and said(caplog)["ledger_errors"] == 2
    assert len(asked) == 2 * (why in codes)  # the rules' memory once, what was posted once


class TestF16:
    """F-16: the secrets' store is down."""

    def test_cold(self, handler: Handler, receiver: Receiver) -> None:
        """Nothing was ever read: it raises, for Lambda to try again."""
        with pytest.raises(ConfigError, match="ParameterNotFound"):
            handler(CHANNELS=[{"type": "slack", "url": "ssm:/slack"}])(payload(key()), Context())

    def test_warm(
        self, handler: Handler, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The last good value serves on, and is asked for again every five minutes."""
        ssm = boto3.client("ssm")
        ssm.put_parameter(Name="/slack", Value=receiver.slack, Type="SecureString")
        run = handler(CHANNELS=[{"type": "slack", "url": "ssm:/slack"}])
        run(payload(key(1)), Context())
        ssm.delete_parameter(Name="/slack")
        now = time.monotonic() + MAX_AGE
        monkeypatch.setattr(lambda_function.process.secrets, "_clock", lambda: now)

        assert run(payload(key(2)), Context())["messages"] == 1

        ssm.put_parameter(Name="/slack", Value=f"{receiver.address}/new/hook", Type="String")
        now += MAX_AGE - 1
        run(payload(key(3)), Context())
        now += 2
        run(payload(key(4)), Context())
        assert [one.path for one in receiver.requests] == [WEBHOOK, WEBHOOK, WEBHOOK, "/new/hook"]


def test_f17_token(handler: Handler, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """F-17: the token is in no error and no line. (test_secrets.py hunts it everywhere.)"""
    caplog.set_level(logging.DEBUG)
    receiver.answer(lambda _: refusal(401, f"Unauthorized: {TOKEN}"))

    with pytest.raises(DeliveryIncomplete) as error:
        handler(CHANNELS=[receiver.telegram])(payload(key()), Context())
    assert TOKEN not in f"{error.value!r}{error.value.__context__!r}{caplog.text}"


def test_f18_no_time(handler: Handler, receiver: Receiver, clock: Clock) -> None:
    """F-18: below the reserve nothing more is begun, and what is left is counted."""
    handler_ = handler()
    receiver.answer(lambda _: clock.sleep(3))

    with pytest.raises(DeliveryIncomplete, match="2 of 5 messages not delivered"):
        handler_(payload(*map(key, range(5))), Context(clock, 10))


@pytest.mark.slow
def test_f19_a_storm(handler: Handler, receiver: Receiver) -> None:
    """F-19: 6,000 matches are ten messages, the worst first, and nothing is uncounted."""
    users = [key(number % 50, eventID=f"e-{number}") for number in range(5_999)]
    login = sign_in(by=root(), eventID="root").raw

    answer = handler(LEDGER_TABLE=tables.make().name)(payload(*users, login), Context())

    assert (answer["alerts"], answer["messages"]) == (6_000, 10)
    texts = [judges.slack(body).plain.split("\n")[0] for body in receiver.taken]
    assert "CRITICAL" in texts[0]
    counts = [text.partition("×")[2].split(" ")[0] for text in texts[1:9]]
    rest = judges.slack(receiver.taken[9]).plain
    total = 1 + sum(int(count.replace(",", "")) for count in counts)
    assert f"{6_000 - total:,} more alerts" in rest


def test_f20_comes_back(handler: Handler, receiver: Receiver) -> None:
    """F-20: the record of a failed invocation that the queue brings is posted, less what was."""
    run = handler(LEDGER_TABLE=tables.make().name)
    run(payload(key(1)), Context())
    failed = {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": payload(key(1), key(2)),
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "1 of 2 messages not delivered"},
    }
    body = json.dumps(failed)
    item = {"eventSource": "aws:sqs", "messageId": "m-1", "body": body}
    other = {**item, "messageId": "m-2", "body": "no payload"}

    answer = run({"Records": [item, other]}, Context())

    assert answer["messages"] == 1
    assert answer["batchItemFailures"] == [{"itemIdentifier": "m-2"}]
    assert sorted(told(receiver)) == ["01", "02"]


def test_f21_a_small_error(handler: Handler, receiver: Receiver) -> None:
    """F-21: what Lambda copies into the record of a failure stays small, whatever failed."""
    receiver.answer(lambda _: (404, {}, "x" * 9_000))
    channels = [
        {"type": "slack", "url": receiver.slack, "name": f"channel-{n}" * 9} for n in range(20)
    ]
    with pytest.raises(DeliveryIncomplete) as error:
        handler(CHANNELS=channels)(payload(key()), Context())
    assert len(str(error.value)) < 512


def test_f23_own_log_group(handler: Handler, receiver: Receiver) -> None:
    """F-23: the function's own log is not for its ears."""
    context = Context(log_group="/aws/lambda/trailbell")

    answer = handler()(payload(key(), "noise", log_group="/aws/lambda/trailbell"), context)

    assert not any(answer.values())
    assert not receiver.requests


@pytest.mark.parametrize("value", HOSTILE)
def test_f24_injection(value: str, handler: Handler, receiver: Receiver) -> None:
    """F-24: what somebody wrote into a record is text. (test_hostile.py has every place.)"""
    channels = [receiver.slack, receiver.telegram]
    events = logged(call("iam:CreateUser", by="eve", userAgent=value, error=value).raw)

    handler(CHANNELS=channels)(events, Context())

    for body in receiver.taken:
        if "chat_id" in body:
            judges.telegram_literal(body, value)
        else:
            judges.slack_literal(body, value)


def test_f25_nobody_calls() -> None:
    """F-25: what is never called cannot tell: Terraform's alarms do, and its tests hold them."""
    infra = Path(__file__).parent.parent / "infra"
    alarms = (infra / "alarms.tf").read_text()

    assert "IncomingLogEvents" in alarms and "DeliveryErrors" in alarms
    assert "IncomingLogEvents" in (infra / "tests" / "alarms.tftest.hcl").read_text()


def test_f22_logs_that_were_skipped() -> None:
    """F-22: `redrive --log-group` posts what the ledger does not know; Terraform never takes the
    permission away before there is another."""
    redrive = (Path(__file__).parent / "cli" / "test_redrive.py").read_text()
    doors = (Path(__file__).parent.parent / "infra" / "doors.tf").read_text()

    assert "F-22" in redrive
    assert "create_before_destroy" in doors


def stream(*messages: Any) -> dict[str, Any]:
    """What Kinesis brings: a record for each message, which CloudWatch Logs put there."""
    return {
        "Records": [
            {
                "eventSource": "aws:kinesis",
                "kinesis": {"sequenceNumber": str(n), "data": payload(one)["awslogs"]["data"]},
            }
            for n, one in enumerate(messages, 1)
        ]
    }


class TestItems:
    """Many items in one invocation: each fails by itself, and they share its time."""

    def test_a_stream_waits_for_nobody(self, handler: Handler, receiver: Receiver) -> None:
        """What a stream brought and nobody takes goes into the retry lane, and comes back."""
        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName="retry")["QueueUrl"]
        run = handler(RETRY_QUEUE_URL=queue, LEDGER_TABLE=tables.make().name)
        receiver.answer([None, (404, {}, "no_service")])

        answer = run(stream(key(1), key(2)), Context())

        assert (answer["messages"], answer["failed"], answer["batchItemFailures"]) == (1, 1, [])
        from moto.sqs.models import sqs_backends

        [waiting] = sqs_backends["123456789012"][tables.REGION].queues["retry"]._messages
        back = {"eventSource": "aws:sqs", "messageId": "m", "body": waiting.body}
        assert run({"Records": [back]}, Context())["messages"] == 1
        assert sorted(told(receiver)) == ["01", "02"]

    def test_a_stream_without_a_queue(self, handler: Handler, receiver: Receiver) -> None:
        """Without a queue the stream has to keep it."""
        receiver.answer([None, (404, {}, "no_service")])

        answer = handler()(stream(key(1), key(2)), Context())

        assert answer["batchItemFailures"] == [{"itemIdentifier": "2"}]

    def test_no_time_left(self, handler: Handler, receiver: Receiver, clock: Clock) -> None:
        """What there is no time for is not begun: it comes again, and nothing is in doubt."""
        run = handler()
        receiver.answer(lambda _: clock.sleep(4))

        answer = run(stream(*map(key, range(4))), Context(clock, 9))

        assert len(receiver.requests) == answer["messages"] == 2
        assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == ["3", "4"]

    def test_a_dead_channel_is_asked_once(self, handler: Handler, receiver: Receiver) -> None:
        """A channel that is dead for one item is dead for the next ones."""
        receiver.answer(lambda _: (404, {}, "no_service"))

        answer = handler()(stream(*map(key, range(5))), Context())

        assert len(receiver.requests) == 1
        assert (answer["failed"], len(answer["batchItemFailures"])) == (5, 5)

    def test_pace(self, handler: Handler, receiver: Receiver, clock: Clock) -> None:
        """The pace holds from the sixth post of the invocation on, not of an item."""
        handler()(stream(*map(key, range(7))), Context(clock))

        assert [round(seconds, 1) for seconds in clock.sleeps] == [1.1, 1.1]


def test_a_spoilt_secret(
    handler: Handler, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret that somebody spoilt silences nobody: the settings stay as they were."""
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/slack", Value=receiver.slack, Type="String")
    run = handler(CHANNELS=[{"type": "slack", "url": "ssm:/slack"}, receiver.telegram])
    run(payload(key(1)), Context())
    ssm.put_parameter(Name="/slack", Value="no url", Type="String", Overwrite=True)
    lambda_function.process.secrets.renew()
    receiver.answer(lambda n: (429, {"Retry-After": "99"}, "") if n == 1 else None)
    with pytest.raises(DeliveryIncomplete):
        run(payload(key(2)), Context())

    assert run(payload(key(3)), Context())["messages"] == 2
    assert "the settings stay as they were" in caplog.text
