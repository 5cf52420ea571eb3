"""Every way in brings the same records to the same rules."""

from __future__ import annotations

import gzip
import json
import logging
import re
import zlib
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import compact, envelope, log_event, logged, packed
from trailbell import app, payload, unpack
from trailbell.bucket import KEY_SHOWN
from trailbell.doors import DEPTH, Item, split
from trailbell.engine import UNREADABLE
from trailbell.errors import PayloadError
from trailbell.payload import Batch
from trailbell.settings import Settings
from trailbell.testing import call

DOORS = Path(__file__).parent / "data" / "doors"
BUCKET = "amzn-s3-demo-bucket"
FOLDER = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/17/"
NAME = "111122223333_CloudTrail_us-east-1_20260317T1610Z_Mu0KsOhtH1ar15ZZ.json.gz"
BELL = app.bell(Settings(), everything=True)


def good(number: int, **fields: Any) -> dict[str, Any]:
    """A record with an id of its own."""
    return call("iam:CreateUser", eventID=f"{number:08}-0000-4000-8000-000000000000", **fields).raw


def recorded(door: str) -> Any:
    return json.loads((DOORS / f"{door}.json").read_text())


def trail(bucket: str, key: str) -> bytes:
    """The bucket that the recorded payloads tell of."""
    assert bucket == BUCKET
    assert key.startswith("org trail/AWSLogs/"), key
    return gzip.compress((DOORS / "objects" / Path(key).stem).read_bytes())


def holding(value: object) -> Callable[[str, str], bytes]:
    """A bucket with the same under each key; bytes as they are, the rest as a log file."""
    raw = value if isinstance(value, bytes) else gzip.compress(compact(value).encode())
    return lambda bucket, key: raw


LOG_FILE = holding({"Records": [good(1), good(2)]})


def read(
    value: object,
    read_object: Callable[[str, str], bytes] | None = LOG_FILE,
    wants: Callable[[str], bool] = lambda _: True,
) -> Batch:
    return payload.read(value, wants, read_object=read_object)


def ids(batch: Batch) -> list[int]:
    """The numbers of the good records."""
    return [int(event.id[:8]) for event in batch.events]


def told(event: object) -> list[tuple[str, str, str, str, str]]:
    """The alerts of a payload, as the function finds them."""
    found = []
    for item in split(event):
        batch = payload.read(item.payload, BELL.engine.wants, read_object=trail)
        assert batch.unreadable == []
        alerts, _ = BELL.alerts(batch.events)
        found += [
            (a.rule, str(a.severity), str(a.title), a.event.id, a.event.account) for a in alerts
        ]
    return found


def s3(key: str, name: str = "ObjectCreated:Put", bucket: str = BUCKET) -> dict[str, Any]:
    record: dict[str, Any] = deepcopy(recorded("s3")["Records"][0])
    record["s3"]["object"]["key"] = key
    record["s3"]["bucket"]["name"] = bucket
    record["eventName"] = name
    return record


def sqs(*bodies: object) -> dict[str, Any]:
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {
        "Records": [
            {"messageId": f"message-{number}", "eventSource": "aws:sqs", "body": text}
            for number, text in enumerate(texts)
        ]
    }


def sns(message: object) -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {
        "Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": text}}]
    }


def kinesis(raw: bytes) -> dict[str, Any]:
    record: dict[str, Any] = deepcopy(recorded("kinesis")["Records"][0])
    record["kinesis"]["data"] = b64encode(raw).decode()
    return {"Records": [record]}


def object_created(key: str, **fields: object) -> dict[str, Any]:
    event: dict[str, Any] = recorded("eventbridge-s3")
    event["detail"]["object"]["key"] = key
    return event | fields


RECORDED = sorted(file.stem for file in DOORS.glob("*.json"))
REFERENCE = told(recorded("awslogs"))


@pytest.mark.parametrize("door", RECORDED)
def test_each_door_rings_alike(door: str) -> None:
    """The same records ring the same, whichever service brings them."""
    alerts = told(recorded(door))

    rules = {rule for rule, *_ in REFERENCE}
    assert rules >= {"access-key-created", "root-console-login", "cloudtrail-stopped"}
    if door == "eventbridge":  # one event, one record
        assert alerts == [alert for alert in REFERENCE if alert[3].endswith("3")] != []
    else:
        assert alerts == REFERENCE


def test_what_is_answered_item_by_item() -> None:
    """SQS and Kinesis take an answer for each item, the others for the whole."""
    answered = {
        door: [item.id for item in split(recorded(door)) if item.id]
        for door in RECORDED
        if any(item.id for item in split(recorded(door)))
    }

    assert set(answered) == {d for d in RECORDED if d.startswith(("sqs", "kinesis"))}
    assert answered["kinesis"] == [recorded("kinesis")["Records"][0]["kinesis"]["sequenceNumber"]]
    messages = [record["messageId"] for record in recorded("sqs-s3")["Records"]]
    assert answered["sqs-s3"] == messages
    assert len(messages) == 2


@pytest.mark.parametrize("door", [d for d in RECORDED if not d.startswith(("sqs", "kinesis"))])
def test_what_is_one_item(door: str) -> None:
    """An asynchronous invocation is done as a whole or repeated as a whole."""
    assert split(recorded(door)) == [Item("", recorded(door))]


def test_a_bad_item_costs_no_other() -> None:
    """A message that cannot be read fails by itself."""
    items = split(sqs(logged(good(1)), "no json", logged(good(2))))

    assert [item.id for item in items] == ["message-0", "message-1", "message-2"]
    assert ids(read(items[0].payload)) == [1]
    with pytest.raises(PayloadError, match="a text of 7 characters that holds no JSON object"):
        read(items[1].payload)
    assert ids(read(items[2].payload)) == [2]


def test_mixed_sources() -> None:
    """A list with records of several services: each is read as its own service writes it."""
    mixed = {
        "Records": [
            *kinesis(compact(good(3)).encode())["Records"],
            s3(FOLDER + NAME),
            good(4),
            *sqs(logged(good(5)))["Records"],
            *sns(eventbridge(good(6)))["Records"],
        ]
    }

    items = split(mixed)

    assert [bool(item.id) for item in items] == [True, True, False]
    assert sorted(ids(read(mixed))) == [1, 2, 3, 4, 5, 6]
    assert sorted(n for item in items for n in ids(read(item.payload))) == [1, 2, 3, 4, 5, 6]


def eventbridge(record: object) -> dict[str, Any]:
    event: dict[str, Any] = recorded("eventbridge")
    return event | {"detail": record}


ITEMS: dict[str, Any] = {
    "no id": ({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, [Item("", {})]),
    "an odd id": ({"Records": [{"eventSource": "aws:sqs", "messageId": 5}]}, [Item("", None)]),
    "a body that is null": (sqs("null"), [Item("message-0", "null")]),
    "no kinesis": (
        {"Records": [{"eventSource": "aws:kinesis"}]},
        [Item("", {"eventSource": "aws:kinesis"})],
    ),
    "no records": ({"Records": []}, [Item("", {"Records": []})]),
    "a text": ("x", [Item("", "x")]),
    "null": (None, [Item("", None)]),
}


@pytest.mark.parametrize(("event", "items"), ITEMS.values(), ids=ITEMS)
def test_odd_items(event: object, items: list[Item]) -> None:
    """What is missing in an item is missing; only reading it raises."""
    assert split(event) == items


KINESIS = {
    "gzip": gzip.compress(compact(envelope(log_event(good(1)), log_event(good(2)))).encode()),
    "zlib": zlib.compress(compact(envelope(log_event(good(1)), log_event(good(2)))).encode()),
    "an envelope, plain": compact(envelope(log_event(good(1)), log_event(good(2)))).encode(),
    "a log file": compact({"Records": [good(1), good(2)]}).encode(),
    "a log file, gzip": gzip.compress(compact({"Records": [good(1), good(2)]}).encode()),
    "a log file behind a byte-order mark": b"\xef\xbb\xbf\n"
    + compact({"Records": [good(1), good(2)]}).encode(),
}


@pytest.mark.parametrize("raw", KINESIS.values(), ids=KINESIS)
def test_kinesis(raw: bytes) -> None:
    """A stream carries what CloudWatch Logs writes, or records as they are."""
    assert ids(read(kinesis(raw))) == [1, 2]


@pytest.mark.parametrize("value", [good(1), eventbridge(good(1))], ids=["a record", "EventBridge"])
def test_one_record_in_kinesis(value: object) -> None:
    """EventBridge puts one event into each record of a stream."""
    assert ids(read(kinesis(compact(value).encode()))) == [1]


def test_kinesis_passes_the_filter() -> None:
    """What a stream brings from CloudWatch Logs is filtered before it is parsed, and the
    function's own log group is not read."""
    raw = gzip.compress(compact(envelope(log_event(good(1)))).encode())
    control = compact(envelope({"message": "CWL CONTROL"}, messageType="CONTROL_MESSAGE")).encode()

    filtered = read(kinesis(raw), wants=lambda _: False)
    own = payload.read(kinesis(raw), lambda _: True, "org-trail")

    assert (filtered.records, filtered.events) == (1, [])
    assert own == read(kinesis(control)) == Batch()


NOT_IN_KINESIS = {
    "nothing": b"",
    "words": b"hello",
    "binary": b"\x00\x01\x02",
    "another object": b'{"a": 1}',
    "a list": b"[1]",
    "an empty object": b"{}",
    "cut JSON": b'{"Records": [',
    "cut gzip": gzip.compress(b'{"Records": []}')[:-3],
    "a notification of S3": compact(recorded("s3")).encode(),
    "one record of S3": compact(recorded("s3")["Records"][0]).encode(),
    "Records of another kind": b'{"Records": [{"a": 1}]}',
    "log events of another kind": b'{"logEvents": 5}',
}


@pytest.mark.parametrize("raw", NOT_IN_KINESIS.values(), ids=NOT_IN_KINESIS)
def test_nothing_else_in_kinesis(raw: bytes) -> None:
    """What somebody else put into the stream is told in a line that names the stream's data."""
    with pytest.raises(PayloadError, match=r"^kinesis\.data|^logEvents"):
        read(kinesis(raw))


S3_KEYS = {
    "a log file": FOLDER + NAME,
    "of an organization": f"AWSLogs/o-exampleorgid/111122223333/CloudTrail/eu-west-1/{NAME}",
    "behind a prefix": f"a/b/{FOLDER}{NAME}",
    "behind a prefix that looks like a digest": f"CloudTrail-Digest/{FOLDER}{NAME}",
    "behind a prefix that looks like AWSLogs": f"AWSLogs/111122223333/Config/{FOLDER}{NAME}",
    "network activity": FOLDER.replace("CloudTrail", "CloudTrail-NetworkActivity") + "x.json.gz",
    "plain": FOLDER + "a.json",
    "elsewhere": "copies/a.json.gz",
}


@pytest.mark.parametrize("key", S3_KEYS.values(), ids=S3_KEYS)
def test_log_files_in_s3(key: str) -> None:
    """A trail's log files are read wherever the trail was told to put them."""
    assert ids(read({"Records": [s3(key)]})) == [1, 2]


SKIPPED = {
    "a digest": f"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/17/{NAME}",
    "a digest of an organization": f"AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/{NAME}",
    "a copied digest": "copies/111122223333_CloudTrail-Digest_us-east-1_main_x.json.gz",
    "a digest in another layout": "CloudTrail-Digest/us-east-1/x.json.gz",
    "insights": f"AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2026/03/17/{NAME}",
    "AWS Config": "AWSLogs/111122223333/Config/us-east-1/2026/3/17/ConfigSnapshot/x.json.gz",
    "a flow log": "AWSLogs/111122223333/vpcflowlogs/us-east-1/2026/03/17/x.log.gz",
    "what Config tests with": "AWSLogs/111122223333/Config/ConfigWritabilityCheckFile",
    "a folder": FOLDER,
    "an access log": "logs/2026-03-17-16-10-31-0123456789ABCDEF",
    "a table of Athena": "athena/6e4a2f0c.csv",
}


@pytest.mark.parametrize("key", SKIPPED.values(), ids=SKIPPED)
def test_what_else_lies_in_the_bucket(key: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is no log file is skipped by itself: it is never fetched, and its neighbours are."""
    fetched = []

    def read_object(bucket: str, name: str) -> bytes:
        fetched.append(name)
        return LOG_FILE(bucket, name)

    with caplog.at_level(logging.INFO, "trailbell"):
        batch = read({"Records": [s3(key), s3(FOLDER + NAME), s3(key)]}, read_object)

    assert ids(batch) == [1, 2]
    assert fetched == [FOLDER + NAME]
    lines = [record for record in caplog.records if record.name == "trailbell"]
    assert [record.levelname for record in lines] == ["INFO", "INFO"]
    assert f"s3://{BUCKET}/{key}"[:100] in lines[0].getMessage()


@pytest.mark.parametrize(
    "name", ["ObjectRemoved:Delete", "s3:ObjectRemoved:Delete", "ObjectTagging:Put"]
)
def test_what_else_happens_to_a_log_file(name: str) -> None:
    """Only a new log file is read: one that was removed would be asked for in vain."""
    assert read({"Records": [s3(FOLDER + NAME, name)]}, None) == Batch()
    event = object_created(FOLDER + NAME, **{"detail-type": "Object Deleted"})
    assert read(event, None) == Batch()
    assert ids(read({"Records": [s3(FOLDER + NAME, "s3:ObjectCreated:Copy")]})) == [1, 2]


def test_how_each_service_writes_a_key() -> None:
    """S3 encodes keys as a form does; EventBridge and CloudTrail write them as they are."""
    asked = []

    def read_object(bucket: str, key: str) -> bytes:
        asked.append((bucket, key))
        return LOG_FILE(bucket, key)

    read({"Records": [s3("my+trail/a%2Bb%C3%A9/x.json.gz")]}, read_object)
    read(object_created("my trail/a+b%2B/x.json.gz"), read_object)
    read({"s3Bucket": "b", "s3ObjectKey": ["x+y.json.gz", "z%20.json.gz"]}, read_object)
    read({"s3Bucket": "b", "s3ObjectKey": "alone.json.gz"}, read_object)

    assert asked == [
        (BUCKET, "my trail/a+b\N{LATIN SMALL LETTER E WITH ACUTE}/x.json.gz"),
        (BUCKET, "my trail/a+b%2B/x.json.gz"),
        ("b", "x+y.json.gz"),
        ("b", "z%20.json.gz"),
        ("b", "alone.json.gz"),
    ]


def test_several_log_files_are_one_batch() -> None:
    """Two trails into one bucket write each record twice: it rings once and counts twice."""
    files = {
        "a.json.gz": gzip.compress(compact({"Records": [good(1), good(2)]}).encode()),
        "b.json": compact({"Records": [good(2), 5, good(3), None]}).encode(),
        "c.json.gz": gzip.compress(b'{"Records": []}'),
    }

    batch = read({"Records": [s3(key) for key in files]}, lambda _, key: files[key])

    assert ids(batch) == [1, 2, 3]
    assert batch.records == 4
    assert [event.message for event in batch.unreadable] == ["[5, null]"]


def test_many_log_files_take_no_longer_each() -> None:
    """A batch is deduplicated once, not once a file."""
    batch = Batch()
    calls: list[object] = []
    whole = Batch.add

    def add(self: Batch, records: Any) -> None:
        calls.append(self)
        whole(self, records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "add", add)
        batch = read({"Records": [s3(f"{number}.json.gz") for number in range(50)]})

    assert (len(calls), batch.records, len(batch.events)) == (1, 100, 2)


def test_where_a_record_of_s3_came_from() -> None:
    """An event knows bucket and key, whose trail it is, and when S3 took it."""
    record = good(1)
    del record["recipientAccountId"], record["userIdentity"], record["eventTime"]

    batch = read({"Records": [s3(FOLDER + NAME)]}, holding({"Records": [record, 5]}))

    event = batch.events[0]
    assert event.origin == ("111122223333", BUCKET, FOLDER + NAME)
    assert event.account == "111122223333"
    assert str(event.time) == "2026-03-17 16:10:31.804000+00:00"
    alerts, _ = BELL.alerts([], batch.unreadable)
    assert alerts[0].rule == UNREADABLE
    assert f"{BUCKET}, stream {FOLDER}{NAME}" in str(alerts[0].details[1].text)


def test_records_without_an_id_have_a_text() -> None:
    """Where no id tells two records of a log file apart, their texts do."""
    records = [good(1) | {"eventID": None}, good(2) | {"eventID": None}, good(3)]

    first, second, third = read({"Records": records}).events

    assert first.message == second.message != ""
    assert third.message == ""


NO_LOG_FILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "ends early"),
    "words": (b"hello", "no gzip"),
    "an object": (b'{"a": 1}', "no CloudTrail log file"),
    "a digest": (b'{"awsAccountId": "111122223333"}', "no CloudTrail log file"),
    "a list": (compact([good(1)]).encode(), "no CloudTrail log file"),
    "a record": (compact(good(1)).encode(), "no CloudTrail log file"),
    "a text": (gzip.compress(b'"x"'), "no CloudTrail log file"),
    "null": (gzip.compress(b"null"), "no CloudTrail log file"),
    "Records null": (b'{"Records": null}', "no CloudTrail log file"),
    "Records of another kind": (b'{"Records": [{"a": 1}]}', "no CloudTrail log file"),
    "Records of numbers": (b'{"Records": [1]}', "no CloudTrail log file"),
    "cut": (gzip.compress(b'{"Records": []}')[:-1], "ends early"),
    "cut JSON": (gzip.compress(b'{"Records": ['), "holds no JSON"),
    "too deep": (b'{"Records": ' + b"[" * 200_000, "holds no JSON"),
    "two in one": (gzip.compress(b'{"Records": []}') * 2, "several gzip files"),
}


@pytest.mark.parametrize(("raw", "says"), NO_LOG_FILE.values(), ids=NO_LOG_FILE)
def test_what_is_no_log_file(raw: bytes, says: str) -> None:
    """An object that should be a log file and is none is told with its bucket and key."""
    with pytest.raises(PayloadError, match=says) as caught:
        read({"Records": [s3(FOLDER + NAME)]}, holding(raw))

    assert f"s3://{BUCKET}/{FOLDER}{NAME}" in str(caught.value)


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_a_log_file_is_read_in_bounded_memory(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an object unpacks to, no more than the limit is taken."""
    monkeypatch.setattr(unpack, "SIZE_LIMIT", 1 << 20)
    monkeypatch.setattr(unpack, "CHUNK", 1 << 16)
    for size, too_large in [((1 << 20) - 20, False), (1 << 20, True)]:
        raw = pack(b'{"Records": []' + b" " * size + b"}")
        if too_large:
            with pytest.raises(PayloadError, match=r"s3://.* holds more than 1 MiB"):
                read({"Records": [s3(FOLDER + NAME)]}, holding(raw))
        else:
            assert read({"Records": [s3(FOLDER + NAME)]}, holding(raw)) == Batch()


def test_hostile_keys() -> None:
    """A key is shown on one line and cut: whoever may write to a bucket chooses it."""
    key = "\n\u202e<!channel>\x1b[31m" + "k" * 5_000 + ".json"
    bucket = "b" * 5_000

    with pytest.raises(PayloadError) as caught:
        read(object_created(key, detail={"bucket": {"name": bucket}, "object": {"key": key}}), None)
    event = read(object_created(key), holding({"Records": [good(1)]})).events[0]

    for text in (str(caught.value), event.origin.stream):
        assert text.isprintable()
        assert len(text) < 400
    assert len(event.origin.stream) == KEY_SHOWN


def test_nobody_reads_objects() -> None:
    """Where nothing reads S3, the object that is needed is named."""
    with pytest.raises(PayloadError, match=re.escape(f"s3://{BUCKET}/{FOLDER}{NAME}")):
        read({"Records": [s3(FOLDER + NAME)]}, None)


def test_s3_refuses() -> None:
    """What AWS says when an object cannot be read is told as it is."""

    def denied(bucket: str, key: str) -> bytes:
        raise PayloadError(f"s3://{bucket}/{key}: AccessDenied")

    with pytest.raises(PayloadError, match="AccessDenied"):
        read({"Records": [s3(FOLDER + NAME)]}, denied)


@pytest.mark.parametrize(
    "record",
    [
        {"eventSource": "aws:s3"},
        {"eventSource": "aws:s3", "s3": {"bucket": {}, "object": {"key": "a.json"}}},
        {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": 5}}},
        {"eventSource": "aws:s3", "s3": []},
    ],
)
def test_a_notification_without_an_object(record: object) -> None:
    """A notification that names no object is an error: something may be lost."""
    with pytest.raises(PayloadError, match="names no bucket or no key"):
        read({"Records": [record]})


EMPTY: dict[str, Any] = {
    "S3 asks whether somebody is there": json.loads(recorded("sqs-s3")["Records"][0]["body"]),
    "in SNS": sns(json.loads(recorded("sqs-s3")["Records"][0]["body"])),
    "CloudTrail asks whether somebody is there": sns("CloudTrail validation message."),
    "no records": {"Records": []},
    "no keys": {"s3Bucket": "b", "s3ObjectKey": []},
}


@pytest.mark.parametrize("value", EMPTY.values(), ids=EMPTY)
def test_what_brings_nothing(value: object) -> None:
    """A service that only tries the way in is no error."""
    assert read(value, None) == Batch()


def failed(request: object, **context: object) -> dict[str, Any]:
    record: dict[str, Any] = recorded("destination")
    record["requestContext"] |= context
    return record | {"requestPayload": request}


WRAPPED: dict[str, Any] = {
    "a failed invocation": failed(logged(good(1))),
    "of a notification": failed(sns(eventbridge(good(1)))),
    "through EventBridge": {
        "detail-type": "Lambda Function Invocation Result - Failure",
        "source": "lambda",
        "detail": failed(logged(good(1))),
    },
    "through SNS": sns(failed(logged(good(1)))),
    "through SQS and SNS": sqs(
        {"Type": "Notification", "Message": compact(failed(sns(eventbridge(good(1)))))}
    ),
    "a log file in SNS": sns({"Records": [good(1)]}),
    "a record by itself": good(1),
    "an event in a text": compact(eventbridge(good(1))),
}


@pytest.mark.parametrize("value", WRAPPED.values(), ids=WRAPPED)
def test_envelopes_in_one_another(value: object) -> None:
    """However a record is wrapped, it is found."""
    assert ids(read(value)) == [1]


REFUSED: dict[str, tuple[Any, str]] = {
    "a success": (failed(logged(good(1)), condition="Success"), "on failure only"),
    "a dropped payload": (failed(None), "no requestPayload"),
    "an absent payload": (
        {k: v for k, v in failed(1).items() if k != "requestPayload"},
        "no requestPayload",
    ),
    "nothing in it": (failed({}), "requestPayload is an object with no keys"),
    "a subscription to confirm": (
        sqs({"Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "x"}),
        "SubscriptionConfirmation",
    ),
    "words in SNS": (sns("hello"), "the message of SNS is a text of 5 characters"),
    "SNS without a message": ({"Records": [{"EventSource": "aws:sns"}]}, "the message of SNS"),
    "SQS without a body": ({"Records": [{"eventSource": "aws:sqs"}]}, "the body of an SQS message"),
    "DynamoDB": ({"Records": [{"eventSource": "aws:dynamodb"}]}, "aws:dynamodb"),
    "records of another kind": ({"Records": [{"a": 1}]}, "an object with Records"),
    "beside one of S3": ({"Records": [s3("a.json"), {"a": 1}]}, "an object with Records"),
    "Records a text": ({"Records": "x"}, "an object with Records"),
    "many long keys": (
        {f"{number}{'k' * 400}": 1 for number in range(9)},
        "what SQS, SNS, Kinesis",
    ),
    "a schedule": ({"detail-type": "Scheduled Event", "source": "aws.events"}, "detail-type"),
}


@pytest.mark.parametrize(("value", "says"), REFUSED.values(), ids=REFUSED)
def test_what_no_door_takes(value: object, says: str) -> None:
    """What cannot be read says what it is, and what would be right."""
    with pytest.raises(PayloadError, match=re.escape(says)) as caught:
        read(value)

    assert len(str(caught.value)) < 512
    assert "\n" not in str(caught.value)


def test_envelopes_without_end() -> None:
    """There is a limit to what is unwrapped; it lies beyond what AWS nests."""
    value: object = logged(good(1))
    for _ in range(DEPTH):
        value = {"requestPayload": value}

    assert ids(read(value)) == [1]
    with pytest.raises(PayloadError, match=f"more than {DEPTH} times"):
        read({"requestPayload": value})
    for _ in range(50_000):
        value = {"requestPayload": value}
    with pytest.raises(PayloadError, match=f"more than {DEPTH} times"):
        read(value)


def test_a_value_too_deep_to_write() -> None:
    """What is too deep for Python to write down is unreadable, and no crash."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    batch = read({"Records": [good(1), deep]})

    assert ids(batch) == [1]
    assert "nested too deeply" in batch.unreadable[0].message


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        [
            "aws:sqs", "aws:sns", "aws:s3", "aws:kinesis", "aws:x", "Notification", "aws.s3",
            "SubscriptionConfirmation", "s3:TestEvent", "Object Created", "x via CloudTrail",
            "AWSLogs/111122223333/CloudTrail/x.json.gz", "a.json", "ObjectCreated:Put", "Success",
            b64encode(b'{"Records": []}').decode(), '{"Records": [{}]}', '"\\"{}\\""', "\ud800",
        ]
    )
)  # fmt: skip
KEYS = st.text(max_size=3) | st.sampled_from(
    [
        "Records", "awslogs", "data", "eventSource", "EventSource", "body", "messageId", "kinesis",
        "sequenceNumber", "Sns", "Type", "Message", "s3", "bucket", "name", "object", "key",
        "s3Bucket", "s3ObjectKey", "Event", "detail", "detail-type", "source", "requestPayload",
        "requestContext", "responseContext", "condition", "eventName", "eventVersion", "eventTime",
    ]
)  # fmt: skip
ANY = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | inner.map(json.dumps)
        | inner.map(lambda value: {"Records": [value]})
        | inner.map(json.dumps).map(packed)
    ),
    max_leaves=15,
)


@given(value=ANY, stored=ANY | st.binary())
def test_anything_at_all(value: object, stored: object) -> None:
    """Any JSON at all is a batch or a PayloadError of one line; to split it never fails."""
    for item in [Item("", value), *split(value)]:
        assert isinstance(item.id, str)
        try:
            assert isinstance(read(item.payload, holding(stored)), Batch)
        except PayloadError as error:
            assert len(str(error)) < 512
            assert "\n" not in str(error)


BROKEN = [recorded(door) for door in RECORDED]


@given(st.data())
def test_a_recorded_payload_with_one_thing_broken(draw: st.DataObject) -> None:
    """A payload of AWS with one value of another kind is a batch or a PayloadError."""
    value: Any = deepcopy(draw.draw(st.sampled_from(BROKEN)))
    place = value
    while True:
        step = draw.draw(
            st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
        )
        inner = place[step]
        if not isinstance(inner, dict | list) or not inner or draw.draw(st.integers(0, 5)) == 0:
            place[step] = draw.draw(ANY)
            break
        place = inner

    for item in split(value):
        try:
            assert isinstance(read(item.payload), Batch)
        except PayloadError as error:
            assert len(str(error)) < 512
            assert "\n" not in str(error)
