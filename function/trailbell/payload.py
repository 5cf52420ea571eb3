"""Whatever invoked the function becomes a Batch of events.

CloudWatch Logs sends ``{"awslogs": {"data": base64(gzip(json))}}`` with one CloudTrail record in
each log event (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html);
EventBridge sends one record in ``detail``; a log file in S3 holds them in a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from trailbell.bucket import Stored, shown
from trailbell.doors import VIA_CLOUDTRAIL, Bare, Bridge, Logs, Part, Stream, opened, records_in
from trailbell.errors import PayloadError
from trailbell.model import NOWHERE, Event, Origin, moment
from trailbell.unpack import document, dumped, from_base64, parse, perhaps_unzipped, unzipped

CONTROL = "CONTROL_MESSAGE"

ReadObject = Callable[[str, str], bytes]
"""Bucket and key -> the object as it lies there; raises PayloadError where AWS refuses."""


@dataclass(slots=True)
class Batch:
    """What one invocation brought."""

    events: list[Event] = field(default_factory=list)
    """Records that a rule may want, each event id once."""
    unreadable: list[Event] = field(default_factory=list)
    """Log events that hold no record; only message, origin and received say anything."""
    records: int = 0
    """Readable records, those that no rule wants and those that came twice included."""

    def add(self, records: Iterable[Event]) -> None:
        """Count the records and keep those whose id is new."""
        known = {(event.account, event.id) for event in self.events if event.id}
        for event in records:
            self.records += 1
            key = (event.account, event.id)
            if event.id and key in known:
                continue  # two trails into one log group deliver each record twice
            known.add(key)
            self.events.append(event)


def read(
    payload: object,
    wants: Callable[[str], bool],
    own_log_group: str = "",
    read_object: ReadObject | None = None,
) -> Batch:
    """The events of one invocation, or of one item of it; see `doors.split`.

    :param wants: says of a record's text whether any rule may want it; see Engine.wants.
    :param own_log_group: the function's own; records from there would ring for ever.
    :param read_object: for payloads that only name log files in S3.
    :raises PayloadError: when the payload as a whole cannot be read. Nothing of it was used.
    """
    batch = Batch()
    batch.add(
        chain.from_iterable(
            _events(part, batch, wants, own_log_group, read_object) for part in opened(payload)
        )
    )
    return batch


def _events(
    part: Part,
    batch: Batch,
    wants: Callable[[str], bool],
    own_log_group: str,
    read_object: ReadObject | None,
) -> Iterable[Event]:
    match part:
        case Logs(data):
            name = "awslogs.data"
            envelope = document(unzipped(from_base64(data, name), name), name)
            return _from_logs(envelope, batch, wants, own_log_group)
        case Stream(data):
            name = "kinesis.data"
            value = document(perhaps_unzipped(from_base64(data, name), name), name)
            if isinstance(value, dict) and ("logEvents" in value or "messageType" in value):
                return _from_logs(value, batch, wants, own_log_group)
            if isinstance(value, dict) and _is_bridge(value):
                return _from_eventbridge(value, batch)
            if (records := records_in(value)) is not None:
                return _bare(records, NOWHERE, None, batch)
            raise PayloadError(
                f"{name} holds no CloudTrail records: connect a stream that CloudWatch Logs or"
                " EventBridge fills from a trail"
            )
        case Bridge(event):
            return _from_eventbridge(event, batch)
        case Bare(records):
            return _bare(records, NOWHERE, None, batch)
        case Stored():
            return _stored(part, batch, read_object)


def from_text(text: str, wants: Callable[[str], bool]) -> Batch:
    """The events of one JSON document: a record, a log file, a saved payload, or what the AWS
    CLI printed."""
    batch = Batch()
    start = text[:100].lower()
    if '"awslogs"' in start or '"events"' in start:
        value = parse(text)
        if isinstance(value, dict) and "awslogs" in value:
            return read(value, wants)
        if isinstance(value, dict) and (entries := _answered(value)) is not None:
            batch.add(_records(entries, wants, NOWHERE, batch))
            return batch
    batch.add(_records([text], wants, NOWHERE, batch))
    return batch


def _answered(value: dict[str, Any]) -> list[Any] | None:
    """The records in what `aws cloudtrail lookup-events` or `aws logs filter-log-events` said."""
    if isinstance(found := value.get("Events"), list):
        return [event.get("CloudTrailEvent") for event in found if isinstance(event, dict)]
    return found if isinstance(found := value.get("events"), list) else None


def _from_logs(
    envelope: object, batch: Batch, wants: Callable[[str], bool], own_log_group: str
) -> Iterable[Event]:
    if not isinstance(envelope, dict):
        raise PayloadError(f"awslogs.data holds a {type(envelope).__name__}, not an object")
    entries = envelope.get("logEvents")
    if envelope.get("messageType") == CONTROL or entries is None:
        return ()  # CloudWatch Logs asks whether somebody is there
    if not isinstance(entries, list):
        raise PayloadError(f"logEvents is a {type(entries).__name__}, not a list")
    owner, group, stream = (
        value if isinstance(value := envelope.get(name), str) else ""
        for name in ("owner", "logGroup", "logStream")
    )
    if group and group == own_log_group:
        return ()
    return _records(entries, wants, Origin(owner, group, stream), batch)


def _records(
    entries: list[Any], wants: Callable[[str], bool], origin: Origin, batch: Batch
) -> Iterator[Event]:
    """The records of the log events; those that no rule wants are counted here and left."""
    for entry in entries:
        message = entry.get("message") if isinstance(entry, dict) else entry
        if isinstance(message, str) and not wants(message):
            batch.records += 1  # nine records of ten end here, before they are parsed
            continue
        received = _received(entry)
        records, whole = unwrap(message)
        text = message if isinstance(message, str) else dumped(entry)
        for record in records:
            # The text stands for the record only where it holds that one record.
            alone = text if len(records) == 1 else ""
            yield Event(record, message=alone, origin=origin, received=received)
        if not whole:
            batch.unreadable.append(Event({}, message=text, origin=origin, received=received))


def unwrap(message: object) -> tuple[list[dict[str, Any]], bool]:
    """The records in a message, and whether that is all there is in it.

    A record may come alone, in a list, as a CloudTrail log file (``{"Records": [...]}``), or as
    an event of EventBridge.
    """
    value = parse(message) if isinstance(message, str) else message
    if isinstance(value, dict) and not {"eventName", "eventVersion"} & value.keys():
        value = value.get("Records", value)
    if isinstance(value, dict) and _is_bridge(value):
        value = value.get("detail")  # EventBridge wrote into a log group
    if isinstance(value, dict):
        return [value], True
    if not isinstance(value, list):
        return [], False
    records = [record for record in value if isinstance(record, dict)]
    return records, len(records) == len(value)


def _is_bridge(value: dict[str, Any]) -> bool:
    kind = value.get("detail-type")
    return isinstance(kind, str) and kind.endswith(VIA_CLOUDTRAIL)


def _from_eventbridge(event: dict[str, Any], batch: Batch) -> list[Event]:
    account = event.get("account")
    origin = Origin(account=account if isinstance(account, str) else "")
    received = moment(event.get("time"))
    record = event.get("detail")
    if isinstance(record, dict):
        return [Event(record, origin=origin, received=received)]
    text = dumped(event)
    batch.unreadable.append(Event({}, message=text, origin=origin, received=received))
    return []


def _stored(file: Stored, batch: Batch, read_object: ReadObject | None) -> Iterator[Event]:
    """The records of a log file in S3.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html
    """
    if read_object is None:
        raise PayloadError(f"{file.name} lies in S3, which nothing reads here: send its records")
    raw = read_object(file.bucket, file.key)
    value = document(perhaps_unzipped(raw, file.name), file.name)
    records = records_in(value) if isinstance(value, dict) and "Records" in value else None
    if records is None:
        raise PayloadError(
            f"{file.name} is no CloudTrail log file: have S3 notify of the trail's prefix only"
        )
    origin = Origin(file.account, shown(file.bucket, 63), shown(file.key))
    return _bare(records, origin, file.received, batch)


def _bare(
    records: list[Any], origin: Origin, received: datetime | None, batch: Batch
) -> Iterator[Event]:
    """Records that came without a text; what is none among them counts once."""
    odd = []
    for record in records:
        if isinstance(record, dict):
            event = Event(record, origin=origin, received=received)
            if not event.id:  # their texts tell such records apart
                event.message = dumped(record)
            yield event
        else:
            odd.append(record)
    if odd:
        batch.unreadable.append(Event({}, message=dumped(odd), origin=origin, received=received))


def _received(entry: object) -> datetime | None:
    """A log event's timestamp: milliseconds since 1970."""
    stamp = entry.get("timestamp") if isinstance(entry, dict) else None
    if type(stamp) is not int or not 0 <= stamp < 1 << 47:  # until the year 6429
        return None
    return datetime.fromtimestamp(stamp / 1000, UTC)
