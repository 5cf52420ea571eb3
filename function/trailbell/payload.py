"""Whatever invoked the function becomes a Batch of events.

CloudWatch Logs sends ``{"awslogs": {"data": base64(gzip(json))}}`` with one CloudTrail record in
each log event (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html);
EventBridge sends one record in ``detail``.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from pydantic_core import from_json

from trailbell.errors import PayloadError
from trailbell.model import NOWHERE, Event, Origin, moment

SIZE_LIMIT = 64 << 20  # bytes; 648 kB of base64 can hold 500 MB, the largest real payload about 10
CHUNK = 4 << 20  # bytes; the usual payload fits into one
GZIP_OR_ZLIB = 47  # zlib's window bits: 15, plus 32 to tell the two headers apart
CONTROL = "CONTROL_MESSAGE"
BOM = "\ufeff"


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


def read(payload: object, wants: Callable[[str], bool], own_log_group: str = "") -> Batch:
    """The events of one invocation.

    :param wants: says of a record's text whether any rule may want it; see Engine.wants.
    :param own_log_group: the function's own; records from there would ring for ever.
    :raises PayloadError: when the payload as a whole cannot be read. Nothing of it was used.
    """
    if isinstance(payload, dict):
        if "awslogs" in payload:
            return _from_logs(payload["awslogs"], wants, own_log_group)
        if str(payload.get("detail-type")).endswith(" via CloudTrail"):
            return _from_eventbridge(payload)
        keys = ", ".join(sorted(map(str, payload))[:5]) or "no keys"
        found = f"an object with {keys}"
    else:
        found = f"a {type(payload).__name__}"
    raise PayloadError(
        f"the payload is {found}; expected 'awslogs' from a CloudWatch Logs subscription filter"
        " or an EventBridge event 'AWS API Call via CloudTrail'"
    )


def from_text(text: str, wants: Callable[[str], bool]) -> Batch:
    """The events of one JSON document: a record, a log file, a saved payload, or what the AWS
    CLI printed."""
    batch = Batch()
    start = text[:100].lower()
    if '"awslogs"' in start or '"events"' in start:
        value = _parse(text)
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


def _from_logs(awslogs: object, wants: Callable[[str], bool], own_log_group: str) -> Batch:
    data = awslogs.get("data") if isinstance(awslogs, dict) else None
    if not isinstance(data, str):
        raise PayloadError("awslogs.data is missing or no text; expected base64 of gzip")
    envelope = _decode(data)
    if not isinstance(envelope, dict):
        raise PayloadError(f"awslogs.data holds a {type(envelope).__name__}, not an object")
    batch = Batch()
    entries = envelope.get("logEvents")
    if envelope.get("messageType") == CONTROL or entries is None:
        return batch  # CloudWatch Logs asks whether somebody is there
    if not isinstance(entries, list):
        raise PayloadError(f"logEvents is a {type(entries).__name__}, not a list")
    owner, group, stream = (
        value if isinstance(value := envelope.get(name), str) else ""
        for name in ("owner", "logGroup", "logStream")
    )
    if group and group == own_log_group:
        return batch
    batch.add(_records(entries, wants, Origin(owner, group, stream), batch))
    return batch


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
        text = message if isinstance(message, str) else json.dumps(entry)
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
    value = _parse(message) if isinstance(message, str) else message
    if isinstance(value, dict) and not {"eventName", "eventVersion"} & value.keys():
        value = value.get("Records", value)
    if isinstance(value, dict) and str(value.get("detail-type")).endswith(" via CloudTrail"):
        value = value.get("detail")  # EventBridge wrote into a log group
    if isinstance(value, dict):
        return [value], True
    if not isinstance(value, list):
        return [], False
    records = [record for record in value if isinstance(record, dict)]
    return records, len(records) == len(value)


def _parse(text: str) -> object:
    """The JSON value of a text; None where it is none (null counts as none)."""
    text = text.removeprefix(BOM)
    try:
        return from_json(text)
    except (ValueError, TypeError):
        try:  # slower, and takes lone surrogates, which from_json refuses in two ways
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


def _decode(data: str) -> object:
    """base64, gzip or zlib, JSON; in bounded memory."""
    try:
        packed = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise PayloadError("awslogs.data is not base64") from None
    raw = _inflate(packed)
    try:
        return from_json(raw, cache_strings="keys")  # no two messages are alike
    except ValueError:
        try:  # a byte that is not UTF-8 costs that byte, not the batch
            return json.loads(raw.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise PayloadError("awslogs.data holds no JSON") from None


def _inflate(packed: bytes) -> bytes:
    raw = BytesIO()  # grows in place and gives its bytes away: a list to join needs twice the room
    inflater = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        while packed and not inflater.eof:
            raw.write(inflater.decompress(packed, CHUNK))
            if raw.tell() > SIZE_LIMIT:
                raise PayloadError(f"awslogs.data holds more than {SIZE_LIMIT >> 20} MiB")
            packed = inflater.unconsumed_tail
    except zlib.error as error:
        raise PayloadError(f"awslogs.data is no gzip or zlib data: {error}") from None
    if not inflater.eof:
        raise PayloadError("awslogs.data ends early: the compressed data is cut")
    return raw.getvalue()


def _from_eventbridge(payload: dict[str, Any]) -> Batch:
    batch = Batch()
    account = payload.get("account")
    origin = Origin(account=account if isinstance(account, str) else "")
    received = moment(payload.get("time"))
    record = payload.get("detail")
    if isinstance(record, dict):
        batch.add([Event(record, origin=origin, received=received)])
    else:
        text = json.dumps(payload)
        batch.unreadable.append(Event({}, message=text, origin=origin, received=received))
    return batch


def _received(entry: object) -> datetime | None:
    """A log event's timestamp: milliseconds since 1970."""
    stamp = entry.get("timestamp") if isinstance(entry, dict) else None
    if type(stamp) is not int or not 0 <= stamp < 1 << 47:  # until the year 6429
        return None
    return datetime.fromtimestamp(stamp / 1000, UTC)
