"""The table in AWS: one string key ``pk``, and the time-to-live attribute ``ttl``.

Keys of the ledger are bare hashes; ``run:`` begins what belongs to a run, ``state:`` and ``mark:``
what rules remember. One try a call: an alert waits for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from trailbell import aws
from trailbell.errors import AwsError, LedgerDown
from trailbell.state.base import FULL, LASTS, LEASE, Claim, Entry, Ledger, State, around
from trailbell.state.memory import MemoryState

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
READ_AT_ONCE, WRITE_AT_ONCE = 100, 25
ENTRIES = 500  # of a subject; each write costs a unit per kilobyte of what is there already
QUESTIONS = 300  # of an invocation, some milliseconds each; a storm of 6,000 must not wait for them
SHARE = 0.25  # of an invocation's time, at most
OTHER = "another event"
LATE = timedelta(days=2)  # how much longer than its window an entry is kept: retries come late
REFUSED = "ConditionalCheckFailedException"
TOO_LARGE = "ValidationException"  # of a right update: the item would be larger than 400 KB
Item = dict[str, dict[str, Any]]


class Table:
    """The table, for the life of the process."""

    def __init__(self, name: str, now: Callable[[], float] | None = None) -> None:
        self.name = name
        self.now = now or (lambda: time.time())  # looked up each time: whoever turns it is heard
        self._client: Any = None

    def call(self, operation: str, **request: Any) -> Any:
        """One call; the table's name is added where it stands alone.

        :raises LedgerDown: for any error but a condition that did not hold.
        :raises AwsError: a condition did not hold.
        """
        if not operation.startswith("batch"):
            request["TableName"] = self.name
        try:
            if self._client is None:
                self._client = aws.client("dynamodb")
            return aws.call(self._client, operation, **request)
        except AwsError as error:
            if error.code == REFUSED:
                raise
            problem = str(error)
        raise LedgerDown(problem)  # out here, where no context hangs on it

    def unless(self, operation: str, **request: Any) -> Item | None:
        """One call with a condition: None when it held, else the item that it did not hold for."""
        request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            self.call(operation, **request)
        except AwsError as error:
            found: Item = error.answer.get("Item", {})
            return found
        return None

    def expiry(self, seconds: float) -> dict[str, str]:
        return _number(int(self.now() + seconds))


class DynamoLedger(Ledger):
    """One claimant on the ledger."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._me = uuid4().hex

    def claim(self, key: str) -> Claim:
        now = self._table.now()
        old = self._table.unless(
            "put_item",
            Item={
                "pk": {"S": key},
                "st": {"S": "CLAIMED"},
                "lu": _number(now + LEASE),
                "ow": {"S": self._me},
                "ttl": self._table.expiry(LASTS),
            },
            ConditionExpression="attribute_not_exists(pk)"
            " OR (st = :claimed AND (lu < :now OR ow = :me))",
            ExpressionAttributeValues={
                ":claimed": {"S": "CLAIMED"},
                ":now": _number(now),
                ":me": {"S": self._me},
            },
        )
        if old is None:
            return Claim.MINE
        return Claim.SENT if _text(old, "st") == "SENT" else Claim.BUSY

    def release(self, key: str) -> None:
        self._table.unless(
            "delete_item",
            Key={"pk": {"S": key}},
            ConditionExpression="st = :claimed AND ow = :me",
            ExpressionAttributeValues={":claimed": {"S": "CLAIMED"}, ":me": {"S": self._me}},
        )

    def mark(self, key: str, receipt: Mapping[str, Any] | None = None) -> None:
        self._table.call(
            "update_item",
            Key={"pk": {"S": key}},
            UpdateExpression="SET st = :sent, #ttl = :ttl, receipt = :receipt REMOVE lu, ow",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":sent": {"S": "SENT"},
                ":ttl": self._table.expiry(LASTS),
                ":receipt": {"S": json.dumps(receipt or {})},
            },
        )

    def mark_all(self, keys: Collection[str]) -> None:
        ttl = self._table.expiry(LASTS)
        for some in _chunks(keys, WRITE_AT_ONCE):
            items = [{"pk": {"S": key}, "st": {"S": "SENT"}, "ttl": ttl} for key in some]
            puts = {self._table.name: [{"PutRequest": {"Item": item}} for item in items]}
            answer = self._table.call("batch_write_item", RequestItems=puts)
            if answer.get("UnprocessedItems"):
                raise LedgerDown("batch_write_item: throttled")

    def sent(self, keys: Collection[str]) -> set[str]:
        found: set[str] = set()
        for some in _chunks(keys, READ_AT_ONCE):
            wanted = {
                "Keys": [{"pk": {"S": key}} for key in some],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, st",
            }
            answer = self._table.call("batch_get_item", RequestItems={self._table.name: wanted})
            if answer.get("UnprocessedKeys"):
                raise LedgerDown("batch_get_item: throttled")
            items = answer["Responses"].get(self._table.name, ())
            found |= {_text(item, "pk") for item in items if _text(item, "st") == "SENT"}
        return found

    def receipt(self, key: str) -> dict[str, Any]:
        said = json.loads(_text(self._get(key), "receipt") or "{}")
        return said if isinstance(said, dict) else {}

    def open_run(self, kind: str, run: str, about: Mapping[str, Any], seconds: float) -> str:
        # What it is about comes first: a run that others see is whole.
        closed = self._table.unless(
            "update_item",
            Key={"pk": {"S": f"run:{kind}:{run}"}},
            UpdateExpression="SET about = if_not_exists(about, :about), #ttl = :ttl",
            ConditionExpression="attribute_not_exists(closed)",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":about": {"S": json.dumps(about)},
                ":ttl": self._table.expiry(LASTS),
            },
        )
        if closed is not None:
            return self.open_one(kind)
        now = self._table.now()
        old = self._table.unless(
            "put_item",
            Item={
                "pk": {"S": f"run:{kind}"},
                "run": {"S": run},
                "until": _number(now + seconds),
                "ttl": self._table.expiry(LASTS),
            },
            ConditionExpression="attribute_not_exists(pk) OR #until < :now",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={":now": _number(now)},
        )
        return run if old is None else _text(old, "run")

    def open_one(self, kind: str) -> str:
        item = self._get(f"run:{kind}")
        return _text(item, "run") if _value(item, "until") >= self._table.now() else ""

    def count(self, kind: str, run: str, members: Collection[str]) -> bool:
        try:
            refused = self._table.unless(
                "update_item",
                Key={"pk": {"S": f"run:{kind}:{run}"}},
                UpdateExpression="ADD members :members",
                ConditionExpression="attribute_exists(about) AND attribute_not_exists(closed)"
                " AND (attribute_not_exists(members) OR size(members) < :full)",
                ExpressionAttributeValues={
                    ":members": {"SS": sorted(set(members))},
                    ":full": _number(FULL),
                },
            )
        except LedgerDown as error:
            if not str(error).endswith(TOO_LARGE):
                raise
            return False
        return refused is None

    def close_run(self, kind: str, run: str) -> tuple[dict[str, Any], set[str]] | None:
        try:
            answer = self._table.call(
                "update_item",
                Key={"pk": {"S": f"run:{kind}:{run}"}},
                UpdateExpression="SET closed = :yes",
                ConditionExpression="attribute_exists(about)",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
                ReturnValues="ALL_NEW",
            )
        except AwsError:  # the condition: nobody opened it
            return None
        item: Item = answer["Attributes"]
        return json.loads(_text(item, "about")), set(item.get("members", {}).get("SS", ()))

    def _get(self, key: str) -> Item:
        answer = self._table.call("get_item", Key={"pk": {"S": key}}, ConsistentRead=True)
        found: Item = answer.get("Item", {})
        return found


class DynamoState(State):
    """What rules remember, in the ledger's table.

    Where that is down, or a storm asks too much of it, this process's memory goes on from what the
    table said: a rule that forgets rings too often, one that raises does not ring at all.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._memory = MemoryState()
        self._told: dict[tuple[str, ...], Any] = {}
        self._time_left: Callable[[], float] = lambda: 1.0
        self._enough = 0.0

    def begin(self, time_left: Callable[[], float]) -> None:
        """An invocation begins: the table may be up again, and has a share of its time."""
        if not self.down:
            self._memory = MemoryState()
        self._told.clear()
        self._time_left, self._enough = time_left, time_left() * (1 - SHARE)
        self.down, self.errors = "", 0

    def add(
        self, subject: str, event_id: str, time: datetime, window: timedelta, value: str = ""
    ) -> tuple[Entry, ...]:
        def ask() -> tuple[Entry, ...]:
            return self._add(_hashed("state:", subject), Entry(event_id, time, value), window)

        remembered = self._memory.add(subject, event_id, time, window, value)
        # A rule asks once for the alert and again for its words.
        found: tuple[Entry, ...] | None = self._once(("add", subject, event_id, str(window)), ask)
        return remembered if found is None else found

    def first(self, mark: str, event_id: str, keep: timedelta) -> bool:
        found: bool | None = self._once(
            ("first", mark, event_id), lambda: self._first(_hashed("mark:", mark), event_id, keep)
        )
        remembered = self._memory.first(mark, OTHER if found is False else event_id, keep)
        return remembered if found is None else found

    def _once(self, question: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        """The answer to a question; None where the table is not to be asked."""
        if question not in self._told and not self.down and len(self._told) < QUESTIONS:
            if self._time_left() < self._enough:
                self.down = "too slow: a quarter of the time is over"
            try:
                self._told[question] = None if self.down else ask()
            except LedgerDown as error:
                self.down = str(error)
            self.errors += bool(self.down)
        return self._told.get(question)

    def _add(self, key: str, entry: Entry, window: timedelta) -> tuple[Entry, ...]:
        keep = (2 * window + LATE).total_seconds()
        mark = _digest(entry.event_id)
        try:
            answer = self._table.call(
                "update_item",
                Key={"pk": {"S": key}},
                UpdateExpression="SET entries = list_append(if_not_exists(entries, :none), :one),"
                " #ttl = :ttl ADD ids :id",
                ConditionExpression="attribute_not_exists(ids)"
                " OR (NOT contains(ids, :mark) AND size(entries) < :most)",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={
                    ":none": {"L": []},
                    ":one": {"L": [_packed(entry)]},
                    ":id": {"SS": [mark]},
                    ":mark": {"S": mark},
                    ":most": _number(ENTRIES),
                    ":ttl": self._table.expiry(keep),
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            item: Item = answer["Attributes"]
        except AwsError as error:
            item = error.answer.get("Item", {})
            if mark not in item["ids"]["SS"]:
                return self._make_room(key, item, entry, window)
        return _around(item, entry, window)

    def _make_room(self, key: str, old: Item, entry: Entry, window: timedelta) -> tuple[Entry, ...]:
        """Forget the half of a subject's entries that came first, and note this one."""
        log = [*old["entries"]["L"][ENTRIES // 2 :], _packed(entry)]
        ids = sorted({_digest(_unpacked(one).event_id) for one in log})
        item: Item = {**old, "entries": {"L": log}, "ids": {"SS": ids}}
        changed = self._table.unless(
            "put_item",
            Item=item,
            ConditionExpression="size(entries) = :size",
            ExpressionAttributeValues={":size": _number(len(old["entries"]["L"]))},
        )
        if changed is not None:
            raise LedgerDown("put_item: two wrote at once")
        return _around(item, entry, window)

    def _first(self, key: str, event_id: str, keep: timedelta) -> bool:
        me = {"S": _digest(event_id)}
        holder = self._table.unless(
            "put_item",
            Item={
                "pk": {"S": key},
                "holder": me,
                "ttl": self._table.expiry(keep.total_seconds()),
            },
            ConditionExpression="attribute_not_exists(pk) OR holder = :me",
            ExpressionAttributeValues={":me": me},
        )
        return holder is None


def _around(item: Item, entry: Entry, window: timedelta) -> tuple[Entry, ...]:
    arrived = [_unpacked(one) for one in item["entries"]["L"]]
    at = next(n for n, one in enumerate(arrived) if one.event_id == entry.event_id)
    return around(arrived, at, window)


def _packed(entry: Entry) -> dict[str, str]:
    return {"S": json.dumps([entry.event_id, entry.time.isoformat(), entry.value])}


def _unpacked(packed: Mapping[str, str]) -> Entry:
    event_id, time, value = json.loads(packed["S"])
    return Entry(event_id, datetime.fromisoformat(time), value)


def _hashed(prefix: str, text: str) -> str:
    """A key of fixed length: subjects hold names, and names may hold anything."""
    return prefix + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _digest(event_id: str) -> str:
    return _hashed("", event_id)[:16]


def _chunks(keys: Collection[str], size: int) -> Iterator[Sequence[str]]:
    each = list(dict.fromkeys(keys))
    for start in range(0, len(each), size):
        yield each[start : start + size]


def _number(value: float) -> dict[str, str]:
    return {"N": str(value)}


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _value(item: Item, name: str) -> float:
    return float(item.get(name, {}).get("N", 0))
