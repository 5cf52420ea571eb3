from __future__ import annotations

import gzip
import json
import math
import random
import subprocess
import sys
import zlib
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import compact, envelope, log_event, logged, packed
from trailbell import payload, unpack
from trailbell.engine import Engine
from trailbell.errors import PayloadError
from trailbell.payload import Batch, unwrap
from trailbell.testing import call

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def all_of(_: str) -> bool:
    """The pre-filter of an engine that wants every record."""
    return True


def read(value: object, wants: Callable[[str], bool] = all_of, own_log_group: str = "") -> Batch:
    return payload.read(value, wants, own_log_group)


def good(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A record with an id of its own."""
    event = call(
        "iam:CreateAccessKey", eventID=f"{number:08}-0000-4000-8000-000000000000", **fields
    )
    return event.raw


def data(raw: bytes) -> dict[str, Any]:
    return {"awslogs": {"data": b64encode(raw).decode()}}


def ids(batch: Batch) -> list[str]:
    return [event.id for event in batch.events]


def raw_deflate(raw: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(raw) + packer.flush()


ENVELOPE = json.dumps(envelope(log_event(good(1)), log_event(good(2)))).encode()


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
def test_both_kinds_of_compression(pack: Callable[[bytes], bytes]) -> None:
    """CloudWatch Logs writes gzip, and a public fixture holds zlib: both are read."""
    batch = read(data(pack(ENVELOPE)))

    assert [event.raw for event in batch.events] == [good(1), good(2)]
    assert (batch.records, batch.unreadable) == (2, [])


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
def test_data_that_fills_its_chunks(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that ends exactly where a chunk does is whole, and so is data of many chunks."""
    monkeypatch.setattr(unpack, "CHUNK", 64)
    noise = random.Random(7).randbytes(600).hex()  # noqa: S311 - only has to be hard to compress
    for size in range(1, 700):
        for filler in ("x" * size, noise[:size]):
            raw = json.dumps({"logEvents": [], "filler": filler}).encode()
            assert read(data(pack(raw))).records == 0, f"{len(raw)} bytes"


CORRUPT = {
    "plain JSON": ENVELOPE,
    "nothing": b"",
    "one byte": b"\x1f",
    "the header of gzip alone": gzip.compress(ENVELOPE)[:10],
    "gzip that ends early": gzip.compress(ENVELOPE)[:-20],
    "gzip without its last byte": gzip.compress(ENVELOPE)[:-1],
    "zlib without its last byte": zlib.compress(ENVELOPE)[:-1],
    "a wrong checksum": gzip.compress(ENVELOPE)[:-8] + b"\0\0\0\0" + gzip.compress(ENVELOPE)[-4:],
    "a wrong length": gzip.compress(ENVELOPE)[:-4] + b"\0\0\0\0",
    "a broken middle": gzip.compress(ENVELOPE)[:40] + b"\xff" * 40 + gzip.compress(ENVELOPE)[80:],
    "deflate without a header": raw_deflate(ENVELOPE),
    "nothing, compressed": gzip.compress(b""),
    "no JSON, compressed": gzip.compress(b"<html>"),
    "cut JSON, compressed": gzip.compress(ENVELOPE[:-1]),
    "a JSON array": gzip.compress(b"[]"),
    "a JSON text": gzip.compress(b'"x"'),
    "a JSON number": gzip.compress(b"1"),
    "null": gzip.compress(b"null"),
    "log events that are an object": gzip.compress(b'{"logEvents": {}}'),
    "log events that are a text": gzip.compress(b'{"logEvents": "[]"}'),
    "log events that are a number": gzip.compress(b'{"logEvents": 0}'),
    "JSON too deep to read": gzip.compress(b'{"logEvents": ' + b"[" * 200_000),
}


@pytest.mark.parametrize("raw", CORRUPT.values(), ids=CORRUPT)
def test_corrupt_data(raw: bytes) -> None:
    """What cannot be read as a whole is one clear error: one short line, and nothing is used."""
    with pytest.raises(PayloadError) as caught:
        read(data(raw))

    text = str(caught.value)
    assert "awslogs.data" in text or "logEvents" in text
    assert len(text) < 512
    assert "\n" not in text


@pytest.mark.parametrize("length", range(0, len(gzip.compress(ENVELOPE)), 7))
def test_cut_data(length: int) -> None:
    """Compressed data is never used in part, wherever it ends."""
    with pytest.raises(PayloadError):
        read(data(gzip.compress(ENVELOPE)[:length]))


NO_PAYLOAD: dict[str, Any] = {
    "null": None,
    "a text": "awslogs",
    "a list": [{"awslogs": {}}],
    "a number": 7,
    "an empty object": {},
    "the console's test event": {"key1": "value1", "key2": "value2"},
    "a scheduled event": {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}},
    "no detail-type": {"detail": good()},
    "awslogs null": {"awslogs": None},
    "awslogs a list": {"awslogs": []},
    "no data": {"awslogs": {}},
    "data null": {"awslogs": {"data": None}},
    "data a number": {"awslogs": {"data": 5}},
    "data an object": {"awslogs": {"data": {}}},
    "data empty": {"awslogs": {"data": ""}},
    "data not base64": {"awslogs": {"data": "H4sI!!!!"}},
    "data with a wrong end": {"awslogs": {"data": "H4sIA"}},
    "data not ASCII": {"awslogs": {"data": "H4sI\N{FIRE}"}},
    "data with a lone surrogate": {"awslogs": {"data": "\ud800"}},
    "many long keys": {f"{'k' * 400}{number}": number for number in range(20)},
    "keys of two lines": {"a\nb": 1},
}


@pytest.mark.parametrize("value", NO_PAYLOAD.values(), ids=NO_PAYLOAD)
def test_no_payload(value: object) -> None:
    """What no service sends is told apart in one line, without a traceback."""
    with pytest.raises(PayloadError) as caught:
        read(value)

    assert 10 < len(str(caught.value)) < 512
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("log_group", ["", "org-trail"])
def test_control_message(log_group: str) -> None:
    """CloudWatch Logs asks whether somebody is there: read, and nothing comes of it."""
    message = "CWL CONTROL MESSAGE: Checking health of destination Firehose."
    entry = {"id": "", "timestamp": 1_510_943_004_073, "message": message}

    batch = read(packed(envelope(entry, messageType="CONTROL_MESSAGE", logGroup=log_group)))

    assert batch == Batch()


@pytest.mark.parametrize(
    "fields",
    [{"logEvents": []}, {"logEvents": None}],
    ids=["empty", "null"],
)
def test_no_log_events(fields: dict[str, Any]) -> None:
    """An envelope without log events brings nothing and is no error."""
    assert read(packed(envelope(**fields))) == Batch()


def test_an_envelope_without_its_usual_fields() -> None:
    """Only the log events matter: the rest of the envelope may be absent or of another type."""
    rest: dict[str, Any] = {"messageType": None, "owner": 5, "logGroup": [], "logStream": {}}

    assert ids(read(packed({"logEvents": [log_event(good(1))]}))) == [good(1)["eventID"]]
    assert ids(read(packed(envelope(log_event(good(1)), **rest)))) == [good(1)["eventID"]]


def test_a_byte_that_is_not_utf8() -> None:
    """A broken byte costs that byte and not the batch."""
    records = [good(1, userAgent="caf@"), good(2)]
    raw = json.dumps(envelope(*map(log_event, records))).encode().replace(b"caf@", b"caf\xe9")

    batch = read(packed(raw))

    assert ids(batch) == [good(1)["eventID"], good(2)["eventID"]]
    assert batch.events[0].agent == "caf\ufffd"


def test_where_a_record_came_from() -> None:
    """An event knows its log group, stream and owner, its text, and when it was received."""
    event = read(logged(good(1))).events[0]

    assert event.origin == ("111122223333", "org-trail", "111122223333_CloudTrail_us-east-1")
    assert event.message == compact(good(1))
    assert event.received == datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC)


@pytest.mark.parametrize("stamp", [None, "x", -1, 1e3, True, 1 << 47, 10**30, [], {}])
def test_odd_timestamps(stamp: object) -> None:
    """A log event without a usable timestamp is read all the same."""
    batch = read(packed(envelope({"timestamp": stamp, "message": compact(good(1))})))

    assert batch.events[0].received is None


NOT_RECORDS: dict[str, object] = {
    "an empty text": "",
    "blanks": "   ",
    "words": "REPORT RequestId: 1f0c Duration: 2 ms",
    "cut": compact(good())[:-1],
    "cut in the middle": compact(good())[:200],
    "null": "null",
    "a number": "17",
    "a text": '"x"',
    "true": "true",
    "NaN alone": "NaN",
    "two records in one": compact(good()) * 2,
    "a list of a number": "[1]",
    "Records null": '{"Records": null}',
    "Records a text": '{"Records": "x"}',
    "single quotes": str(good()),
    "a bracket too deep": '{"requestParameters": ' + "[" * 100_000,
    "100,000 levels": "[" * 100_000 + "]" * 100_000,
    "a number of 5,000 digits": '{"a": ' + "1" * 5_000 + "}",
    "only a byte-order mark": "\ufeff",
    "a NUL": "\0",
    "a lone surrogate": "\ud800",
    "a lone surrogate in a cut record": '{"userAgent": "\ud800',
}


@pytest.mark.parametrize("message", NOT_RECORDS.values(), ids=NOT_RECORDS)
def test_not_a_record(message: str) -> None:
    """A message that is no JSON object is kept as it came, and its neighbours are read."""
    batch = read(logged(good(1), message, good(2)))

    assert ids(batch) == [good(1)["eventID"], good(2)["eventID"]]
    assert [event.message for event in batch.unreadable] == [message]
    assert batch.unreadable[0].raw == {}
    assert batch.unreadable[0].origin.group == "org-trail"
    assert batch.unreadable[0].received is not None
    assert batch.records == 2


ODD_ENTRIES: dict[str, object] = {
    "null": None,
    "a number": 5,
    "a text": "str",
    "a list": [1],
    "an empty object": {},
    "no message": {"id": "1", "timestamp": 1},
    "message null": {"message": None},
    "message a number": {"message": 5},
    "message false": {"message": False},
    "message a list of texts": {"message": ["a", "b"]},
}


@pytest.mark.parametrize("entry", ODD_ENTRIES.values(), ids=ODD_ENTRIES)
def test_odd_log_events(entry: object) -> None:
    """A log event of another shape is unreadable once, with something to show of it."""
    batch = read(packed(envelope(log_event(good(1)), entry, log_event(good(2)))))

    assert ids(batch) == [good(1)["eventID"], good(2)["eventID"]]
    assert len(batch.unreadable) == 1
    assert batch.unreadable[0].message
    assert batch.records == 2


def test_a_message_that_is_an_object() -> None:
    """A record that stands in the log event unquoted is a record."""
    batch = read(packed(envelope({"message": good(1)})))

    assert (ids(batch), batch.unreadable) == ([good(1)["eventID"]], [])


WRAPPED = {
    "a record": (compact(good(1)), [1], 0),
    "a byte-order mark": ("\ufeff" + compact(good(1)), [1], 0),
    "white space around it": (f"\n {json.dumps(good(1), indent=2)} \n", [1], 0),
    "Records": (compact({"Records": [good(1), good(2)]}), [1, 2], 0),
    "Records of one": (compact({"Records": [good(1)]}), [1], 0),
    "Records of none": ('{"Records": []}', [], 0),
    "Records and a byte-order mark": ("\ufeff" + compact({"Records": [good(1)]}), [1], 0),
    "Records with two that are none": (compact({"Records": [1, good(1), None]}), [1], 1),
    "a bare array": (compact([good(1), good(2)]), [1, 2], 0),
    "an empty array": ("[]", [], 0),
    "a bare array with three that are none": (compact([None, "x", good(1), []]), [1], 1),
    "a bare array of none": ("[null,null]", [], 1),
    "NaN and Infinity": (compact(good(1) | {"a": math.nan, "b": [math.inf, -math.inf]}), [1], 0),
    "lone surrogates": (compact(good(1) | {"userAgent": "\ud800 \udfff"}), [1], 0),
    "a lone surrogate, not escaped": (
        "".join(('{"userAgent":"\ud800",', compact(good(1))[1:])),
        [1],
        0,
    ),
    "a key twice": (compact(good(2))[:-1] + "," + compact(good(1))[1:], [1], 0),
    "150 levels": (compact(good(1))[:-1] + ',"x":' + "[" * 150 + "]" * 150 + "}", [1], 0),
    "300 levels": (compact(good(1))[:-1] + ',"x":' + "[" * 300 + "]" * 300 + "}", [1], 0),
    "a record that has a field Records": (compact(good(1) | {"Records": [good(2)]}), [1], 0),
}


@pytest.mark.parametrize(("message", "numbers", "unreadable"), WRAPPED.values(), ids=WRAPPED)
def test_wrapped_records(message: str, numbers: list[int], unreadable: int) -> None:
    """A record comes alone, in a list or as a log file; what is none in it counts once."""
    batch = read(logged(message))

    assert ids(batch) == [good(number)["eventID"] for number in numbers]
    assert len(batch.unreadable) == unreadable
    assert batch.records == len(numbers)


def test_the_text_of_wrapped_records() -> None:
    """A text stands for a record only where it holds no other: gates look into it."""
    alone, *several = read(logged(good(1), compact([good(2), good(3)]))).events

    assert alone.message == compact(good(1))
    assert [event.message for event in several] == ["", ""]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{}", ([{}], True)),
        ("[]", ([], True)),
        ("[{}]", ([{}], True)),
        ("[{}, 1]", ([{}], False)),
        ("{", ([], False)),
        (None, ([], False)),
        (5, ([], False)),
        ({"a": 1}, ([{"a": 1}], True)),
        ({"Records": [{}, {}]}, ([{}, {}], True)),
    ],
)
def test_unwrap(message: object, expected: tuple[list[dict[str, Any]], bool]) -> None:
    """The records of a message and whether that is all of it."""
    assert unwrap(message) == expected


def test_duplicates_are_told_once_and_counted_twice() -> None:
    """Two trails into one log group deliver each record twice: it rings once."""
    batch = read(logged(good(1), good(2), good(1), compact([good(2), good(1)])))

    assert ids(batch) == [good(1)["eventID"], good(2)["eventID"]]
    assert batch.records == 5


@pytest.mark.parametrize("event_id", [None, "", 5, [], {}])
def test_records_without_an_id_are_no_duplicates(event_id: object) -> None:
    """Where no text tells two records apart, both are kept."""
    batch = read(logged(good() | {"eventID": event_id}, good() | {"eventID": event_id}))

    assert len(batch.events) == 2


def test_the_function_does_not_hear_itself() -> None:
    """Records from the function's own log group would ring for ever: none of them is read."""
    assert read(logged(good(1)), own_log_group="org-trail") == Batch()
    assert read(logged(good(1)), own_log_group="/aws/lambda/trailbell").records == 1
    assert read(logged(good(1), logGroup=""), own_log_group="").records == 1


def test_a_text_that_is_not_whole_is_always_read() -> None:
    """The filter drops only what begins and ends as a record: a cut one, a list, one behind a
    byte-order mark are read, wanted or not."""
    cut = compact(good(2))[:-1]
    payload_ = logged(good(1), cut, compact([good(3)]), "\ufeff" + compact(good(4)))

    batch = payload.read(payload_, Engine([]).wants)

    assert ids(batch) == [good(3)["eventID"], good(4)["eventID"]]
    assert [event.message for event in batch.unreadable] == [cut]
    assert batch.records == 3


def eventbridge(detail: object, **fields: object) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e9a64d5b-0000-4000-8000-000000000000",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.iam",
        "account": "111122223333",
        "time": "2026-03-17T16:09:52Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
        **fields,
    }


@pytest.mark.parametrize(
    "kind", ["API Call", "Console Sign In", "Service Event", "Console Action", "Insight"]
)
def test_eventbridge(kind: str) -> None:
    """A bare EventBridge event of CloudTrail is one record, and no filter is asked."""
    batch = read(
        eventbridge(good(1), **{"detail-type": f"AWS {kind} via CloudTrail"}), lambda _: False
    )

    assert [event.raw for event in batch.events] == [good(1)]
    assert (batch.records, batch.unreadable) == (1, [])


@pytest.mark.parametrize("detail", [None, "x", 5, [good(1)]])
def test_eventbridge_without_a_record(detail: object) -> None:
    """An EventBridge event that holds no record is told as unreadable."""
    batch = read(eventbridge(detail))

    assert (batch.events, batch.records) == ([], 0)
    assert "AWS API Call via CloudTrail" in batch.unreadable[0].message


def test_eventbridge_stands_in_for_missing_fields() -> None:
    """EventBridge's own account and time serve where the record has none."""
    record = {"eventName": "CreateUser", "eventSource": "iam.amazonaws.com"}

    event = read(eventbridge(record)).events[0]

    assert event.account == "111122223333"
    assert event.time == datetime(2026, 3, 17, 16, 9, 52, tzinfo=UTC)


@pytest.mark.parametrize("account", [None, [], {}])
def test_eventbridge_with_an_odd_account(account: object) -> None:
    """An account that is no text is no account."""
    assert read(eventbridge({}, account=account)).events[0].account == ""


BOMB = """
import re, sys, zlib
from base64 import b64encode
sys.path.insert(0, sys.argv[1])
from trailbell import app, payload  # what a cold start loads
from trailbell.errors import PayloadError
packer, blanks = zlib.compressobj(1, wbits=31), b" " * (1 << 20)
parts = [packer.compress(b'{"logEvents": []' + b' ' * 100)]
parts += [packer.compress(blanks) for _ in range(int(sys.argv[2]))]
parts += [packer.compress(b"}"), packer.flush()]
event = {"awslogs": {"data": b64encode(b"".join(parts)).decode()}}
try:
    payload.read(event, lambda text: True)
    print("read")
except PayloadError as error:
    print(error)
# Not ru_maxrss: a child that was forked has that of its parent.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
@pytest.mark.parametrize(
    ("mebibytes", "says"),
    [(63, "read"), (65, "more than 64 MiB"), (300, "more than 64 MiB")],
    ids=["just below the limit", "just above it", "far above it"],
)
def test_bombs(mebibytes: int, says: str) -> None:
    """However much a payload unpacks to, the process stays under 128 MiB, as in the console's
    default; over 64 MiB it is refused."""
    function = Path(payload.__file__).parent.parent

    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(function), str(mebibytes)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    said, peak = done.stdout.splitlines()
    assert says in said
    assert int(peak) < 128


@given(JSON)
def test_any_json_as_payload(value: object) -> None:
    """Any JSON value at all is a batch or a PayloadError."""
    for wrapped in (value, {"awslogs": value}, {"awslogs": {"data": value}}, packed(value)):
        try:
            assert isinstance(read(wrapped), Batch)
        except PayloadError as error:
            assert "\n" not in str(error)


@given(st.binary())
def test_any_bytes_as_data(raw: bytes) -> None:
    """Any bytes at all, as they are or compressed, are a batch or a PayloadError."""
    for wrapped in (data(raw), packed(raw), data(gzip.compress(raw)[:-3]), data(raw_deflate(raw))):
        with suppress(PayloadError):
            assert isinstance(read(wrapped), Batch)


@given(st.lists(JSON, max_size=6))
def test_any_json_as_log_events(entries: list[Any]) -> None:
    """Any log events at all give a batch, and each of them is counted or has nothing to count."""
    batch = read(packed(envelope(*entries)))

    assert len(batch.unreadable) <= len(entries)
    assert len(batch.events) <= batch.records


@given(
    hostile=JSON | st.text() | JSON.map(lambda value: {"message": value}) | JSON.map(log_event),
    place=st.integers(0, 9),
)
def test_nine_good_records_beside_a_hostile_one(hostile: object, place: int) -> None:
    """Nine good records beside anything at all are nine records."""
    entries: list[object] = [log_event(good(number)) for number in range(1, 10)]
    entries.insert(place, hostile)

    batch = read(packed(envelope(*entries)))

    known = [good(number)["eventID"] for number in range(1, 10)]
    assert [event_id for event_id in ids(batch) if event_id in known] == known


RECORD = good(1)


@given(st.data())
def test_a_record_with_one_field_broken(draw: st.DataObject) -> None:
    """A record with a field of another type is a record, and not unreadable."""
    record: Any = deepcopy(RECORD)
    field = draw.draw(st.sampled_from(sorted(record)))
    record[field] = draw.draw(JSON)

    batch = read(logged(record))

    assert (batch.records, batch.unreadable) == (1, [])
