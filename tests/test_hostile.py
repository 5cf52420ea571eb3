"""What an attacker may write into a record arrives as text, and stops nothing."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import judges
from conftest import SHARED, compact, draws, envelope, logged, packed
from judges import HOSTILE
from trailbell import app, noise
from trailbell.bell import Bell
from trailbell.channels.slack import Slack
from trailbell.channels.telegram import Telegram
from trailbell.compose import compose
from trailbell.deliver import Deliverer
from trailbell.errors import PayloadError
from trailbell.model import Event, Severity, Text
from trailbell.notifier import Notifier
from trailbell.rules.base import Rings, Rule
from trailbell.settings import Settings
from trailbell.testing import call, iam_call, person, role, root, sign_in, user

SECRET = "SECRET-TOKEN-DO-NOT-POST"
MANIFEST = SHARED / "events" / "hostile" / "MANIFEST.json"
CASES: list[dict[str, Any]] = (
    json.loads(MANIFEST.read_text())["cases"] if MANIFEST.is_file() else [{"file": "absent"}]
)
REFUSED = ("03-", "05-", "07-", "09-", "11-")
SILENT = ("01-", "15-", "17-")

SLACK = Slack(name="slack", url="https://hooks.slack.com/services/T0/B0/x", pace=0)
TELEGRAM = Telegram(name="telegram", token=f"1:{'a' * 35}", chat_id=-1, pace=0)


class Answer(NamedTuple):
    status: int = 200
    data: bytes = b"ok"
    headers: Mapping[str, str] = {}


@dataclass
class Http:
    """Stands in for urllib3's pool: takes everything and keeps it."""

    slack: list[dict[str, Any]] = field(default_factory=list)
    telegram: list[dict[str, Any]] = field(default_factory=list)

    def request(self, method: str, url: str, *, body: bytes, **_: object) -> Answer:
        slack = "slack" in url
        (self.slack if slack else self.telegram).append(json.loads(body))
        return Answer(data=b"ok" if slack else b'{"ok": true}')

    @property
    def text(self) -> str:
        """All that was posted."""
        return json.dumps([self.slack, self.telegram], ensure_ascii=False)


class Posted(NamedTuple):
    """What became of a payload."""

    counts: dict[str, int]
    http: Http


BELL_SETTINGS = Settings(CHANNELS=(SLACK, TELEGRAM))
BELL = app.bell(BELL_SETTINGS, everything=True)


def post(payload: object, value: str = "", bell: Bell = BELL) -> Posted:
    """Put a payload through the function. Judge each message on the way: would the channel take
    it, and does the value, or what is left of it, stand in literal spans only?"""
    http = Http()
    deliverer = Deliverer(bell.settings.CHANNELS, cast(urllib3.PoolManager, http))
    counts = Notifier(bell, deliverer).run(payload)
    for body in http.slack:
        judges.slack_literal(body, value)
    for body in http.telegram:
        judges.telegram_literal(body, value)
    return Posted(counts, http)


def told(bodies: list[dict[str, Any]], judge: Callable[[dict[str, Any]], Any]) -> int:
    """How many alerts the messages speak for, as their readers count them."""
    total = 0
    for body in bodies:
        shown = judge(body)
        first = (shown.plain if isinstance(shown, judges.Shown) else shown[0]).split("\n")[0]
        times = re.search(r"^\W+[A-Z]+ (?:×([\d,]+)|([\d,]+) more alerts)", first)
        total += int((times[1] or times[2]).replace(",", "")) if times else 1
    return total


@pytest.mark.parametrize("case", CASES, ids=lambda case: Path(case["file"]).stem)
def test_hostile_payload(
    shared: Path, case: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Each payload does what the manifest expects: both sentinels arrive on both channels, no
    secret is posted or logged, and nothing pings."""
    caplog.set_level(logging.DEBUG)
    folder = shared / "events" / "hostile"
    payload = json.loads((folder / case["file"]).read_text())
    sentinels = json.loads(MANIFEST.read_text())["sentinels"]

    if case["file"].startswith(REFUSED):
        with pytest.raises(PayloadError):
            post(payload)
        return
    counts, http = post(payload)

    assert counts["failed"] == 0
    assert SECRET not in http.text + caplog.text
    for sentinel in sentinels if case["sentinels"] else []:
        assert sentinel in json.dumps(http.slack), f"{sentinel} did not arrive on Slack"
        assert sentinel in json.dumps(http.telegram), f"{sentinel} did not arrive on Telegram"
    if case["file"].startswith(SILENT):
        assert (counts["messages"], http.slack, http.telegram) == (0, [], [])
    else:
        assert told(http.slack, judges.slack) == counts["alerts"]
        assert told(http.telegram, judges.telegram) == counts["alerts"]
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "rule-error" not in http.text
    assert not errors


def test_the_flood(shared: Path) -> None:
    """3,000 root sign-ins are at most ten messages on each channel, and all are counted."""
    file = shared / "events" / "hostile" / "53-flood-3000-root-logins.json"

    counts, http = post(json.loads(file.read_text()))

    assert counts["alerts"] >= 3_000
    assert 0 < len(http.slack) == len(http.telegram) <= 10
    assert told(http.slack, judges.slack) == counts["alerts"]


def spiked(value: Any, spike: str) -> Any:
    """The record with the spike in each text that somebody may choose."""
    if isinstance(value, dict):
        return {key: of if key in FIXED else spiked(of, spike) for key, of in value.items()}
    if isinstance(value, list):
        return [spiked(of, spike) for of in value]
    return spike if isinstance(value, str) else value


FIXED = {
    "eventName", "eventSource", "eventTime", "eventID", "eventType", "eventVersion", "readOnly",
    "type", "status", "ConsoleLogin", "CheckMfa", "MFAUsed", "policyDocument", "policyArn",
    "assumeRolePolicyDocument", "requestID", "eventCategory",
}  # fmt: skip
RINGS = {
    rule.id: [example.event for example in rule.examples() if isinstance(example, Rings)]
    for rule in BELL.rules
}
each_value = pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value[:30]))


@each_value
def test_hostile_values(value: str) -> None:
    """A value in all fields of an example of each rule is posted, inert, by each rule."""
    for events in RINGS.values():
        post(logged(spiked(events[0].raw, value)), value)


FIELDS = [
    "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "eventTime",
    "recipientAccountId", "eventType", "eventSource", "requestID",
]  # fmt: skip
IDENTITY = ["type", "userName", "arn", "principalId", "accountId", "accessKeyId", "invokedBy"]
BASES = {
    "user": iam_call("CreateAccessKey", by="alice", accessKey={"userName": "bob"}),
    "role": iam_call("CreateAccessKey", by=role("deploy", "b-1"), accessKey={"userName": "bob"}),
    "person": iam_call("CreateAccessKey", by=person("bob@example.org")),
    "root": sign_in(by=root()),
}


@pytest.mark.parametrize("field", FIELDS)
def test_hostile_fields(field: str) -> None:
    """Each field alone may hold anything: the message is posted, and the value is inert."""
    for value in HOSTILE:
        post(logged(BASES["user"].raw | {field: value}), value)


@pytest.mark.parametrize("field", IDENTITY)
@pytest.mark.parametrize("event", BASES.values(), ids=BASES)
def test_hostile_callers(event: Event, field: str) -> None:
    """Each field of the caller alone may hold anything."""
    for value in HOSTILE:
        identity = event.raw["userIdentity"] | {field: value}
        post(logged(event.raw | {"userIdentity": identity}), value)


@each_value
@pytest.mark.parametrize("count", [1, 6, 12], ids=["alone", "in a group", "in counts"])
def test_hostile_ids(count: int, value: str) -> None:
    """An event's id may hold anything, whether a link is made of it or not."""
    records = [BASES["user"].raw | {"eventID": value + "x" * n} for n in range(count)]
    if count > 10:
        records = [record | {"userIdentity": user(f"user-{n}")} for n, record in enumerate(records)]

    counts, _ = post(logged(*records), value)

    assert counts["messages"] > 0


@each_value
def test_hostile_messages(value: str) -> None:
    """A log event that holds no record is shown as text, and so is where it came from."""
    counts, _ = post(packed(envelope(value, logGroup=value, logStream=value, owner=value)), value)

    assert counts["unparsed"] == 1


@each_value
@pytest.mark.parametrize("actors", [1, 12], ids=["a group", "counts"])
def test_hostile_groups(actors: int, value: str) -> None:
    """Many alerts in one message are as harmless as one."""
    records = [
        spiked(BASES["user"].raw, value)
        | {"eventID": f"{n:08}-0000", "userIdentity": user(f"{value}{n % actors}")}
        for n in range(24)
    ]

    counts, http = post(logged(*records), value)

    assert told(http.slack, judges.slack) == counts["alerts"]


class Careless(Rule):
    """A user's rule that says what the event says, in all places."""

    id = "my-careless-rule"
    severity = Severity.HIGH
    actions = ("iam:CreateUser",)

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return cast(Text, f"made by {event.agent}")


@each_value
def test_careless_rules(value: str) -> None:
    """A title that a user's rule gives as a plain string is a value as a whole."""
    bell = app.bell(Settings(CHANNELS=(SLACK, TELEGRAM), CUSTOM_RULES=(Careless,)))

    post(logged(call("iam:CreateUser", userAgent=value).raw), value, bell)


@each_value
def test_hostile_values_as_plain_text(value: str) -> None:
    """What a channel gets after it refused the formatted message is judged like that."""
    alerts, _ = BELL.alerts([Event(spiked(BASES["user"].raw, value))])
    for group in noise.groups(BELL.routed(alerts)["slack"]):
        message = compose(group, BELL.reader())
        judges.slack_literal(SLACK.render_plain(message), value)
        judges.telegram(TELEGRAM.render_plain(message))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=draws(50))
@given(st.text(max_size=40) | st.sampled_from(HOSTILE), st.data())
def test_any_text(value: str, data: st.DataObject) -> None:
    """Any text at all in all fields is posted as both channels take it."""
    event = data.draw(st.sampled_from(RINGS[data.draw(st.sampled_from(sorted(RINGS)))]))

    counts, http = post(logged(spiked(event.raw, value)))

    assert counts["failed"] == 0
    assert len(http.slack) == len(http.telegram)


GOOD = [
    iam_call("CreateAccessKey", by=f"user-{n}").raw
    | {"eventID": f"0000000{n}-0000-4000-8000-000000000000"}
    for n in range(1, 10)
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(sorted({*GOOD[0], *IDENTITY, "Records"})), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=draws(50))
@given(VALUES | VALUES.map(lambda value: {"message": value}), st.integers(0, 9), st.data())
def test_nine_good_records(hostile: object, place: int, data: st.DataObject) -> None:
    """Nine good records beside anything at all are delivered, nine of nine."""
    kind = data.draw(st.sampled_from(["log event", "text", "record"]))
    entries: list[object] = [{"message": compact(record)} for record in GOOD]
    if kind == "text":
        hostile = {"message": compact(hostile)}
    elif kind == "record":
        broken = GOOD[0] | {"eventID": "x"}
        broken[data.draw(st.sampled_from(sorted(broken)))] = hostile
        hostile = {"message": compact(broken)}
    entries.insert(place, hostile)

    counts, http = post(packed(envelope(*entries)))

    for record in GOOD:
        assert record["eventID"] in json.dumps(http.slack)
        assert record["eventID"] in json.dumps(http.telegram)
    assert counts["failed"] == 0


def test_what_the_stand_in_sees() -> None:
    """The stand-in keeps what either channel posts, so that the tests above look at something."""
    posted = post(logged(BASES["user"].raw))

    assert posted.counts == {
        "events": 1, "unparsed": 0, "alerts": 1, "muted": 0, "messages": 2, "failed": 0,
    }  # fmt: skip
    assert len(posted.http.slack) == len(posted.http.telegram) == 1
    assert "alice" in posted.http.text
