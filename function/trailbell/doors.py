"""Who rang: the envelopes of AWS, taken off until CloudTrail's own records are left to decode.

Nothing here reads a record, a log file or an object. Envelopes come in one another: a dead-letter
queue holds an event, SNS a notification of S3, SQS any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from trailbell.bucket import Stored, log_file, shown, skip
from trailbell.errors import PayloadError
from trailbell.model import moment
from trailbell.unpack import parse

DEPTH = 5  # envelopes in one another; SQS, SNS, a failed invocation's record and SNS are four

VIA_CLOUDTRAIL = " via CloudTrail"
VALIDATION = "CloudTrail validation message."
"""What CloudTrail publishes to a topic when a trail is given it."""
SNS_KINDS = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")


class Item(NamedTuple):
    """A part of an invocation that succeeds or fails by itself."""

    id: str
    """What batchItemFailures calls it; "" where the source takes no answer for an item."""
    payload: object
    """For payload.read."""


class Logs(NamedTuple):
    """base64 of gzip, from a subscription filter of CloudWatch Logs."""

    data: object


class Stream(NamedTuple):
    """base64 of what somebody put into a stream of Kinesis: the same gzip, or plain JSON."""

    data: object


class Bridge(NamedTuple):
    """An event of EventBridge with a record in `detail`."""

    event: dict[str, Any]


class Bare(NamedTuple):
    """Records without an envelope, and what else stood in their list."""

    records: list[Any]


Part = Logs | Stream | Bridge | Bare | Stored


def split(event: object) -> list[Item]:
    """What one invocation brought, item by item. Never raises: an item that cannot be read
    raises when it is read.

    SQS and Kinesis take an answer for each item:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    For anything else the event is one item.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    items: list[Item] = []
    rest: list[object] = []
    for record in records if isinstance(records, list) else ():
        source = _source(record)
        if source == "aws:sqs":
            body = record.get("body")
            value = parse(body) if isinstance(body, str) else None
            items.append(Item(_text(record, "messageId"), body if value is None else value))
        elif source == "aws:kinesis":
            items.append(Item(_text(record, "kinesis", "sequenceNumber"), record))
        else:
            rest.append(record)
    if not items:
        return [Item("", event)]
    return [*items, Item("", {"Records": rest})] if rest else items


def is_of_stream(item: Item) -> bool:
    """Whether Kinesis brought it; its payload is the record as it came."""
    return _source(item.payload) == "aws:kinesis"


def opened(payload: object, what: str = "the payload", depth: int = 0) -> Iterator[Part]:
    """The parts of a payload that hold records, out of all their envelopes.

    :param what: what an error calls it.
    :raises PayloadError: it is nothing that AWS sends, or envelopes are nested too deeply.
    """
    if depth > DEPTH:
        raise PayloadError(
            f"the payload is wrapped more than {DEPTH} times: send what is in {what} by itself"
        )
    value = parse(payload) if isinstance(payload, str) else payload
    if not isinstance(value, dict):
        raise _unknown(payload, what)
    kind = _text(value, "detail-type")
    if "awslogs" in value:
        yield Logs(_at(value, "awslogs", "data"))
    elif kind.endswith(VIA_CLOUDTRAIL):
        yield Bridge(value)
    elif kind == "Object Created" or value.get("source") == "aws.s3":
        yield from _from_bridged_s3(value, kind)
    elif kind.startswith("Lambda Function Invocation Result"):
        yield from opened(value.get("detail"), "the record of an invocation", depth + 1)
    elif "requestPayload" in value or {"requestContext", "responseContext"} <= value.keys():
        yield from opened(_failed(value), "requestPayload", depth + 1)
    elif value.get("Type") in SNS_KINDS and "Message" in value:
        yield from _from_sns(value, depth)
    elif "s3Bucket" in value and "s3ObjectKey" in value:
        yield from _from_cloudtrail(value)
    elif value.get("Event") == "s3:TestEvent":
        return  # S3 asks whether somebody is there
    elif source := _source(value):
        yield from _from_service(source, value, depth)
    elif (records := records_in(value)) is not None:
        yield Bare(records)
    elif isinstance(entries := value.get("Records"), list) and any(map(_source, entries)):
        for entry in entries:
            if source := _source(entry):
                yield from _from_service(source, entry, depth)
        if rest := [entry for entry in entries if not _source(entry)]:
            yield from opened({"Records": rest}, what, depth + 1)
    else:
        raise _unknown(value, what)


def records_in(value: object) -> list[Any] | None:
    """The records of a log file (``{"Records": [...]}``), or one that stands alone; None where
    nothing looks like a record."""
    if _is_record(value):
        return [value]
    entries = value.get("Records") if isinstance(value, dict) else None
    if not isinstance(entries, list) or any(map(_source, entries)):
        return None
    return entries if not entries or any(map(_is_record, entries)) else None


def _is_record(value: object) -> bool:
    if not isinstance(value, dict) or _source(value):
        return False
    return "eventName" in value or "eventVersion" in value


def _source(record: object) -> str:
    """The service that wrapped a record: ``aws:sqs``; CloudTrail's own name none so."""
    if not isinstance(record, dict):
        return ""
    source = record.get("eventSource") or record.get("EventSource")  # SNS writes the latter
    return source if isinstance(source, str) and source.startswith("aws:") else ""


def _from_service(source: str, record: dict[str, Any], depth: int) -> Iterator[Part]:
    """
    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    if source == "aws:sqs":
        yield from opened(record.get("body"), "the body of an SQS message", depth + 1)
    elif source == "aws:sns":
        yield from _from_sns(record.get("Sns"), depth)
    elif source == "aws:kinesis":
        yield Stream(_at(record, "kinesis", "data"))
    elif source == "aws:s3":
        bucket, key = _at(record, "s3", "bucket", "name"), _at(record, "s3", "object", "key")
        key = unquote_plus(key) if isinstance(key, str) else key
        happened = _text(record, "eventName").removeprefix("s3:") or "ObjectCreated"
        if not happened.startswith("ObjectCreated"):
            skip(bucket, key, happened)
        elif file := log_file(bucket, key, moment(record.get("eventTime"))):
            yield file
    else:
        raise PayloadError(
            f"the payload holds records of {shown(source, 60)}: connect SQS, SNS, Kinesis or S3"
        )


def _from_sns(envelope: object, depth: int) -> Iterator[Part]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
    kind, message = _text(envelope, "Type"), _at(envelope, "Message")
    if kind in SNS_KINDS[1:]:
        raise PayloadError(
            f"SNS sent a {kind}, not a notification: confirm or remove the subscription in SNS"
        )
    if message != VALIDATION:
        yield from opened(message, "the message of SNS", depth + 1)


def _from_cloudtrail(value: dict[str, Any]) -> Iterator[Part]:
    """CloudTrail's own notification; it names the keys as they are.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/configure-sns-notifications-for-cloudtrail.html
    """
    keys = value["s3ObjectKey"]
    for key in keys if isinstance(keys, list) else [keys]:
        if file := log_file(value["s3Bucket"], key):
            yield file


def _from_bridged_s3(event: dict[str, Any], kind: str) -> Iterator[Part]:
    """EventBridge names the keys as they are, not URL-encoded.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    bucket, key = _at(event, "detail", "bucket", "name"), _at(event, "detail", "object", "key")
    if kind != "Object Created":
        skip(bucket, key, kind)
    elif file := log_file(bucket, key, moment(event.get("time"))):
        yield file


def _failed(record: dict[str, Any]) -> object:
    """What the invocation was called with that a destination's record tells of.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    if _text(record, "requestContext", "condition") == "Success":
        raise PayloadError(
            "this is the record of an invocation that succeeded: set trailbell as a destination"
            " on failure only"
        )
    if record.get("requestPayload") is None:
        raise PayloadError(
            "the record of the failed invocation holds no requestPayload: Lambda leaves out one"
            " that is too large for its destination (SQS takes 1 MiB), and always that of a stream"
        )
    return record["requestPayload"]


def _unknown(value: object, what: str) -> PayloadError:
    if isinstance(value, dict):
        keys = ", ".join(shown(key, 40) for key in sorted(map(str, value))[:5]) or "no keys"
        found = f"an object with {keys}"
    elif isinstance(value, str):
        found = f"a text of {len(value):,} characters that holds no JSON object"
    else:
        found = f"a {type(value).__name__}"
    return PayloadError(
        f"{what} is {found}; expected 'awslogs' from a CloudWatch Logs subscription filter, an"
        " EventBridge event 'AWS API Call via CloudTrail', or what SQS, SNS, Kinesis or S3 send"
    )


def _at(value: object, *path: str) -> Any:
    """The value at a path; None where any step is absent."""
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: object, *path: str) -> str:
    found = _at(value, *path)
    return found if isinstance(found, str) else ""
