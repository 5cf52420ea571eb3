from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import batches, compact, envelope, log_event, logged, packed, records
from trailbell import payload, rules
from trailbell.engine import OWN, RULE_ERROR, SHOWN, UNREADABLE, Engine, unreadable
from trailbell.model import Alert, Event, Line, Origin, Severity, Text, say
from trailbell.rules.base import Rings, Rule, find
from trailbell.rules.presets import CATCH_ALL
from trailbell.state.memory import MemoryState
from trailbell.testing import call, iam_call, role, root

FOUND = find(rules)
EXAMPLES = [example for rule in FOUND.values() for example in rule.examples()]


def engine(*chosen: type[Rule]) -> Engine:
    """The rules, with a memory of their own; all that are shipped if none is named."""
    return Engine([rule() for rule in chosen or FOUND.values()], MemoryState())


ENGINE = engine()
CHOICES = {
    "all": [*FOUND.values()],
    "default": [rule for rule in FOUND.values() if rule.on_by_default],
    "all that say what they want": [
        rule
        for rule in FOUND.values()
        if rule.actions or (rule.on_by_default and rule.id != CATCH_ALL)
    ],
}
"""Some rules want nearly every record, so that with all of them the pre-filter drops none."""
each_choice = pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)


class Watch(Rule):
    """Rings for whatever it is shown."""

    id = "test-watch"
    severity = Severity.LOW

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return say("{} called {}", event.actor, event.action)


class KeyWatch(Watch):
    """Sees two actions."""

    id = "test-key-watch"
    actions = ("iam:CreateAccessKey", "lambda:UpdateFunctionCode")


class RootWatch(Watch):
    """Sees what has root in it."""

    id = "test-root-watch"
    gate = '"Root"'

    def match(self, event: Event) -> bool:
        return event.identity == "Root"


def told(alerts: Iterable[Alert]) -> list[tuple[str, str, str, str]]:
    """Alerts as values that compare."""
    return [(a.rule, str(a.severity), str(a.title), a.event.id) for a in alerts]


def rule_ids(engine: Engine, *events: Event) -> list[str]:
    return [alert.rule for alert in engine.alerts(events)]


def with_text(event: Event) -> Event:
    return Event(event.raw, message=compact(event.raw))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (call("iam:CreateAccessKey"), ["test-key-watch"]),
        (call("lambda:UpdateFunctionCode20150331v2"), ["test-key-watch"]),
        (call("lambda:UpdateFunctionCode"), ["test-key-watch"]),
        (call("identitystore:CreateAccessKey"), []),
        (call("iam:CreateAccessKeys"), []),
        (call("iam:createaccesskey"), []),
        (call("iam:CreateUser", by=root()), ["test-root-watch"]),
        (call("iam:CreateAccessKey", by=root()), ["test-key-watch", "test-root-watch"]),
        (Event({}), []),
        (Event({"eventName": None, "eventSource": 5}), []),
    ],
)
def test_who_is_asked(event: Event, expected: list[str]) -> None:
    """A rule sees its actions, whatever version is behind the name, or what is behind its gate."""
    assert rule_ids(Engine([KeyWatch(), RootWatch()]), with_text(event)) == expected


def test_alerts_in_the_order_of_the_events() -> None:
    """What happened first is told first, and rules keep their order."""
    events = [call("iam:CreateAccessKey", eventID=str(number)) for number in range(3)]

    alerts = Engine([Watch(), KeyWatch()]).alerts(events)

    assert [alert.event.id for alert in alerts] == ["0", "0", "1", "1", "2", "2"]
    assert {(alert.own, alert.gives_way) for alert in alerts} == {(False, False)}


class Described(KeyWatch):
    """Says all that a rule can."""

    id = "test-described"
    severity = Severity.HIGH
    failed_calls = "report-lower"
    check_first = "Look twice."
    many = "created keys"
    gives_way = True

    def details(self, event: Event) -> tuple[Line, ...]:
        return (Line("Target", say("{}", "bob")),)


def test_what_an_alert_takes_from_its_rule() -> None:
    """An alert carries what the message needs, so that nobody asks the rule again; of a call that
    failed nobody says that it was done."""
    event = call("iam:CreateAccessKey", error="AccessDenied")

    (alert,) = Engine([Described()]).alerts([event])

    assert (alert.rule, alert.severity, alert.event) == ("test-described", Severity.MEDIUM, event)
    assert (alert.check_first, alert.many, alert.gives_way) == ("Look twice.", "", True)
    assert alert.details == (Line("Target", say("{}", "bob")),)


HEAD = '"eventVersion":"1.11","userIdentity":{"type":"AWSService"},'
WANTS = {
    "an action that a rule names": ('{VERSION"eventName":"CreateAccessKey"}', True),
    "another action": ('{VERSION"eventName":"ListUsers"}', False),
    "a version behind it": ('{VERSION"eventName":"UpdateFunctionCode20150331v2"}', True),
    "a version behind another": ('{VERSION"eventName":"DeleteFunction20150331"}', False),
    "the beginning of an action": ('{VERSION"eventName":"CreateAccess"}', False),
    "a gate": ('{VERSION"eventName":"ListUsers","userIdentity":{"type":"Root"}}', True),
    "a gate's word, but not the gate": ('{VERSION"eventName":"ListUsers","a":"Rooted"}', False),
    "no name": ('{"eventSource":"iam.amazonaws.com"}', True),
    "null for a name": ('{VERSION"eventName":null}', True),
    "an object for a name": ('{VERSION"eventName":{"a":1}}', True),
    "two names": ('{VERSION"a":{"eventName":"ListUsers"},"eventName":"CreateAccessKey"}', True),
    "a space before the colon": ('{VERSION"eventName" :"ListUsers"}', True),
    "a space behind the colon": ('{VERSION"eventName": "ListUsers"}', True),
    "an escape in the name": ('{VERSION"eventName":"Create\\u0041ccessKey"}', True),
    "an escape in the key": ('{"eventNam\\u0065":"CreateAccessKey","a":"eventName"}', True),
    "an escape in another key": ('{"\\u0065ventName":"CreateAccessKey"}', True),
    "a name inside, and an escaped key": (
        '{VERSION"a":{"eventName":"ListUsers"},"event\\u004eame":"CreateAccessKey"}',
        True,
    ),
    "a quoted record in a value": (
        '{VERSION"a":"{\\"eventName\\":\\"CreateAccessKey\\"}","eventName":"ListUsers"}',
        False,
    ),
    "an escaped gate": (
        '{VERSION"eventName":"ListUsers","userIdentity":{"type":"\\u0052oot"}}',
        True,
    ),
    "another key in front": ('{"eventName":"ListUsers"}', True),
    "cut behind the name": ('{VERSION"eventName":"ListUsers"', True),
    "a log file": ('{"Records":[{"eventName":"ListUsers"}]}', True),
    "a name without an end": ('{VERSION"eventName":"}', False),
}


@pytest.mark.parametrize(("text", "expected"), WANTS.values(), ids=WANTS)
def test_wants(text: str, expected: bool) -> None:
    """The pre-filter drops a text only where it is sure that no rule wants it."""
    text = text.replace("VERSION", HEAD)
    assert Engine([KeyWatch(), RootWatch()]).wants(text) is expected


def test_a_rule_without_actions_and_gate_wants_all() -> None:
    """One rule for every event switches the pre-filter off."""
    text = f'{{{HEAD}"eventName":"ListUsers"}}'
    assert Engine([Watch()]).wants(text)
    assert not Engine([]).wants(text)


AGENTS = {
    "a tool": ('"userAgent":"Pacu/1"', True),
    "the command line": ('"userAgent":"aws-cli/2.17"', False),
    "a tool elsewhere": ('"userAgent":"aws-cli/2.17","x":"pacu"', False),
    "none": ('"x":"pacu"', False),
    "null": ('"userAgent":null', True),
    "a space behind the colon": ('"userAgent": "pacu"', True),
    "two": ('"userAgent":"aws-cli/2.17","userAgent":"pacu"', True),
    "one that quotes": (r'"userAgent":"a \"pacu\" b"', True),
    "one with an escape": (r'"userAgent":"p\u0061cu"', True),
    "one that is cut": ('"userAgent":"pacu', True),
}


@pytest.mark.parametrize(("text", "expected"), AGENTS.values(), ids=AGENTS)
def test_wants_of_a_user_agent(text: str, expected: bool) -> None:
    """The pre-filter looks into user agents, and drops those that are surely no tool's."""
    text = f'{{{HEAD}"eventName":"ListUsers",{text}}}'
    assert engine(FOUND["suspicious-user-agent"]).wants(text) is expected


def test_a_user_agent_is_judged_by_the_settings() -> None:
    """The user agents that a user looks for are looked for from the first record on."""
    tuned = FOUND["suspicious-user-agent"].tuned({"agents": ["evil"]})
    texts = [f'{{{HEAD}"eventName":"X","userAgent":"{agent}"}}' for agent in ("Evil/1", "pacu")]

    assert [Engine([tuned]).wants(text) for text in texts] == [True, False]


class RootEyes(Rule):
    """All that root does, and one call whoever makes it."""

    id = "test-root-eyes"
    severity = Severity.LOW
    actions = ("sts:AssumeRoot",)
    identities = ("Root",)

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return say("seen")


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        (call("s3:ListBuckets", by=root()), 1),
        (call("sts:AssumeRoot"), 1),
        (call("sts:AssumeRoot", by=root()), 1),
        (call("s3:ListBuckets"), 0),
    ],
)
def test_a_rule_for_a_kind_of_caller(event: Event, seen: int) -> None:
    """A rule sees what its identities do and its actions by anybody, each event once."""
    engine = Engine([RootEyes()])

    assert len(engine.alerts([event])) == seen
    assert engine.wants(compact(event.raw)) is bool(seen)


def both_ways(
    value: object, filtering: Engine, open_gates: Engine
) -> tuple[list[Any], list[Any], int]:
    """The alerts with the pre-filter, and those of a road that takes no short cut at all: each
    record is read, and no gate is looked for in its text. How many records the filter dropped.

    :param filtering: two engines of the same rules, since what they remember must not be shared.
    """
    kept = payload.read(value, filtering.wants)
    whole = payload.read(value, lambda _: True)
    assert kept.records == whole.records
    assert len(kept.unreadable) == len(whole.unreadable)
    without_text = [Event(event.raw, origin=event.origin) for event in whole.events]
    return (
        told(filtering.alerts(kept.events)),
        told(open_gates.alerts(without_text)),
        len(whole.events) - len(kept.events),
    )


KEYS = ["eventName", "type", "Records", "userIdentity", "x"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 9) | st.text(max_size=4)
    | st.sampled_from(["Root", "IAMUser", "eventName", "CreateAccessKey", "Records", '"Root"']),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=6,
)  # fmt: skip
NAMES = sorted({event.event.name for event in EXAMPLES} | {"ListUsers", "PutObject", "AssumeRole"})


@st.composite
def any_record(draw: st.DrawFn) -> dict[str, Any]:
    """A record of an example, with fields taken from others, removed, or replaced by anything."""
    record = deepcopy(draw(st.sampled_from(EXAMPLES)).event.raw)
    for field in draw(st.lists(st.sampled_from(sorted(record)), max_size=3, unique=True)):
        match draw(st.sampled_from(["other", "remove", "replace"])):
            case "other":
                other = draw(st.sampled_from(EXAMPLES)).event.raw
                record[field] = deepcopy(other.get(field))
            case "remove":
                record.pop(field)
            case _:
                record[field] = draw(VALUES)
    if draw(st.booleans()):
        record["eventName"] = draw(st.sampled_from(NAMES)) + draw(
            st.sampled_from(["", "20150331", "20150331v2", "v2", "2"])
        )
    if draw(st.booleans()):
        record = {draw(st.sampled_from(["Records", "x", "eventName"])): draw(VALUES)} | record
    return record


@st.composite
def spelled(draw: st.DrawFn, record: dict[str, Any]) -> str:
    """A record's text in one of the spellings that JSON allows."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]))
    text = json.dumps(record, separators=separators, ensure_ascii=draw(st.booleans()))
    for word in draw(st.sets(st.sampled_from(["Root", "IAMUser", "eventName", "Create"]))):
        if draw(st.booleans()):
            text = text.replace(word, f"\\u{ord(word[0]):04x}{word[1:]}")
    if draw(st.booleans()):
        text = draw(st.sampled_from(["\ufeff{}", " {}", "[{}]", '{{"Records":[{},{}]}}'])).format(
            text, text
        )
    return text


@each_choice
@given(text=any_record().flatmap(spelled))
def test_the_filter_changes_nothing(chosen: list[type[Rule]], text: str) -> None:
    """With and without the pre-filter the alerts are the same, however a record is spelled."""
    value = packed(envelope(log_event(text)))

    filtered, unfiltered, _ = both_ways(value, engine(*chosen), engine(*chosen))

    assert filtered == unfiltered


@given(st.lists(any_record(), max_size=6))
def test_records_of_any_shape(found: list[dict[str, Any]]) -> None:
    """Fields that are missing, null or of another type make no rule fail."""
    alerts = ENGINE.alerts(payload.read(logged(*found), ENGINE.wants).events)

    assert [told([alert]) for alert in alerts if alert.rule == RULE_ERROR] == []


WRITTEN = (
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion",
    "sourceIPAddress", "userAgent",
)  # fmt: skip


def as_written(record: dict[str, Any]) -> dict[str, Any]:
    """The record with its fields in the order of CloudTrail: some corpora sorted them, and of
    those the pre-filter would drop none."""
    first = {name: record[name] for name in WRITTEN if name in record}
    identity = first.get("userIdentity")
    if isinstance(identity, dict) and "type" in identity:
        first["userIdentity"] = {"type": identity["type"]} | identity
    return first | record


@each_choice
def test_the_filter_changes_nothing_for_the_corpora(shared: Path, chosen: list[type[Rule]]) -> None:
    """With and without the pre-filter, the recorded corpora give the same alerts."""
    filtering, open_gates = engine(*chosen), engine(*chosen)
    count = dropped = 0
    # Some corpora use one id for several records, of which a payload would keep the first.
    numbered = (
        as_written(record) | {"eventID": str(n)} for n, record in enumerate(records(shared))
    )
    for batch in batches(numbered, 500):
        filtered, unfiltered, left = both_ways(logged(*batch), filtering, open_gates)
        assert filtered == unfiltered
        count += len(filtered)
        dropped += left

    assert count > 500
    assert dropped > 900 or len(chosen) == len(FOUND)


def test_each_rule_is_behind_no_gate_of_others(shared: Path) -> None:
    """Each alert of the corpora comes through a filter that is made of its rule alone."""
    alone = {rule_id: engine(rule) for rule_id, rule in FOUND.items()}
    for record in records(shared):
        text = compact(as_written(record))
        for alert in ENGINE.alerts([Event(record)]):
            assert alone[alert.rule].wants(text), (alert.rule, alert.event.id)


def test_the_filter_drops_what_the_default_rules_do_not_want(shared: Path) -> None:
    """Most records of a day end before they are parsed: at least eight of ten."""
    default = engine(*CHOICES["default"])
    day = [compact(record) for record in records(shared, "sample_day")]

    assert sum(map(default.wants, day)) <= 0.2 * len(day)


class Broken(KeyWatch):
    """Fails in one of the places where a user's rule can."""

    id = "test-broken"
    at: ClassVar[str] = ""
    gives: ClassVar[Any] = None

    def _answer(self, place: str, otherwise: Any) -> Any:
        if self.at != place:
            return otherwise
        if isinstance(self.gives, type):
            raise self.gives("AKIAIOSFODNN7EXAMPLE and a secret of the record")
        return self.gives

    def match(self, event: Event) -> bool:
        return bool(self._answer("match", True))

    def title(self, event: Event) -> Text:
        title: Text = self._answer("title", say("{} did it", event.actor))
        return title

    def severity_of(self, event: Event) -> Severity:
        severity: Severity = self._answer("severity_of", self.severity)
        return severity

    def details(self, event: Event) -> tuple[Line, ...]:
        details: tuple[Line, ...] = self._answer("details", ())
        return details


def broken(at: str, gives: object) -> Rule:
    kind: type[Broken] = type("Broken", (Broken,), {"at": at, "gives": gives})
    return kind()


@pytest.mark.parametrize("error", [KeyError, RecursionError, AssertionError, ValueError])
@pytest.mark.parametrize("place", ["match", "title", "severity_of", "details"])
def test_a_rule_that_raises(place: str, error: type[Exception]) -> None:
    """A rule that raises becomes an alert that names it, and stops nothing."""
    event = call("iam:CreateAccessKey")

    before, alert, after = Engine([Described(), broken(place, error), KeyWatch()]).alerts([event])

    assert (before.rule, after.rule) == ("test-described", "test-key-watch")
    assert (alert.rule, alert.severity, alert.own) == (RULE_ERROR, Severity.HIGH, True)
    assert str(alert.title) == "Rule test-broken failed and was skipped for one event"
    assert alert.event is event
    shown = " ".join(str(line.text) for line in alert.details)
    assert f"{error.__name__} at test_engine.py:" in shown
    assert "the other 2 rules saw the event" in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("place", "gives"),
    [
        ("title", None),
        ("title", 5),
        ("title", b"x"),
        ("severity_of", None),
        ("severity_of", "high"),
        ("severity_of", 4),
        ("severity_of", 99),
        ("details", None),
        ("details", 5),
        ("details", "Target"),
        ("details", [("Target", "bob")]),
        ("details", [Line("Target", "bob")]),  # type: ignore[arg-type]
        ("details", [Line(5, say("bob"))]),  # type: ignore[arg-type]
        ("details", [("Target",)]),
        ("details", [None]),
    ],
)
def test_a_rule_that_answers_with_the_wrong_type(place: str, gives: object) -> None:
    """What a rule says wrongly is mended or told as its error: the channels see no odd type."""
    (alert,) = Engine([broken(place, gives)]).alerts([call("iam:CreateAccessKey")])

    assert alert.rule in ("test-broken", RULE_ERROR)
    assert isinstance(alert.title, Text)
    assert isinstance(alert.severity, Severity)
    for line in alert.details:
        assert isinstance(line.label, str)
        assert isinstance(line.text, Text)


def test_a_title_that_is_a_plain_string() -> None:
    """A plain string may hold a name from the event, so all of it is a value."""
    (alert,) = Engine([broken("title", "<!channel> did it")]).alerts([call("iam:CreateAccessKey")])

    assert alert.title == say("{}", "<!channel> did it")


def test_one_event_does_not_spoil_the_next() -> None:
    """A rule that fails for one event is asked about the next."""

    class Picky(KeyWatch):
        id = "test-picky"

        def match(self, event: Event) -> bool:
            return len(event.raw["requestParameters"]["userName"]) > 0

    events = [call("iam:CreateAccessKey"), call("iam:CreateAccessKey", request={"userName": "bob"})]

    assert rule_ids(Engine([Picky()]), *events) == [RULE_ERROR, "test-picky"]


def lines(alert: Alert) -> Iterator[str]:
    for line in alert.details:
        yield f"{line.label}: {line.text}"


ORIGIN = Origin("111122223333", "org-trail", "stream-1")


@pytest.mark.parametrize(
    ("text", "begins", "length"),
    [
        ("<!channel> {", "It begins: <!channel> {", "12 characters"),
        ("", "It begins: (nothing)", "0 characters"),
        ("x" * SHOWN, f"It begins: {'x' * SHOWN}", "300 characters"),
        ("x" * 262_144, f"It begins: {'x' * SHOWN}…", "262,144 characters"),
    ],
)
def test_unreadable(text: str, begins: str, length: str) -> None:
    """A message that is no record is told with its place, its length and how it begins."""
    alert = unreadable(Event({}, message=text, origin=ORIGIN))

    assert (alert.rule, alert.severity, alert.own) == (UNREADABLE, Severity.MEDIUM, True)
    assert begins in list(lines(alert))
    assert f"Because: it is not a JSON object, or cut; {length}" in list(lines(alert))
    assert "Log group: org-trail, stream stream-1" in list(lines(alert))
    shown = next(line.text for line in alert.details if line.label == "It begins")
    assert shown.words == ("", "")


def test_unreadable_without_an_origin() -> None:
    """EventBridge names no log group."""
    assert "Log group: unknown, stream unknown" in list(lines(unreadable(Event({}, message="x"))))


def test_no_rule_has_the_name_of_an_own_alert() -> None:
    """The two alerts that trailbell raises about itself are no rules."""
    assert not set(OWN) & FOUND.keys()
    assert {OWN[UNREADABLE][0], OWN[RULE_ERROR][0]} == {Severity.MEDIUM, Severity.HIGH}


def test_examples_come_through_the_filter() -> None:
    """Each example that rings still rings when it comes as a payload."""
    for rule in FOUND.values():
        for example in rule.examples():
            if isinstance(example, Rings):
                alone = engine(rule)
                before = (payload.read(logged(event.raw), alone.wants) for event in example.before)
                for batch in before:
                    alone.alerts(batch.events)
                batch = payload.read(logged(example.event.raw), alone.wants)
                rung = [str(alert.title) for alert in alone.alerts(batch.events)]
                assert rung == [example.title], example.name


def test_iam_call_is_a_record_too() -> None:
    """What the builders make is JSON."""
    event = iam_call("CreateAccessKey", by="alice", accessKey={"userName": "alice"})

    assert json.loads(compact(event.raw)) == event.raw


OWN_ROLE = "arn:aws:iam::111122223333:role/ops/trailbell"
PASSED_OVER = {"unauthorized-api-call", "access-denied-burst", "iam-user-activity"}


def test_who_passes_over_the_own_role() -> None:
    """Those that ring for any call or any refused call, and no others."""
    assert {rule.id for rule in FOUND.values() if rule.passes_over_own} == PASSED_OVER


@pytest.mark.parametrize("arn", [OWN_ROLE, "arn:aws:iam::111122223333:role/trailbell", ""])
def test_own_role(arn: str) -> None:
    """What the function's role is refused sets off no loop; what a namesake is refused rings."""
    refused = call("dynamodb:PutItem", by=role("ops/trailbell", "trailbell"), error="AccessDenied")
    refused.raw["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = OWN_ROLE
    key = call("iam:CreateAccessKey", by=role("ops/trailbell", "trailbell"))
    key.raw["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = OWN_ROLE
    rules = [FOUND["unauthorized-api-call"](), FOUND["access-key-created"]()]

    rang = [alert.rule for alert in Engine(rules, own_role=arn).alerts([refused, key])]

    heard = [] if arn == OWN_ROLE else ["unauthorized-api-call"]
    assert rang == [*heard, "access-key-created"]


def test_a_forged_session_name() -> None:
    """A session that calls itself like the function is anybody's."""
    forged = call("dynamodb:PutItem", by=role("intern", "trailbell"), error="AccessDenied")

    engine = Engine([FOUND["unauthorized-api-call"]()], own_role=OWN_ROLE)

    assert len(engine.alerts([forged])) == 1


def test_the_own_role_is_not_remembered() -> None:
    """Fifteen refusals of the function's own are no burst, nor part of one."""
    burst = FOUND["access-denied-burst"]
    example = next(e for e in burst().examples() if isinstance(e, Rings) and "role" in e.name)
    events = [*example.before, example.event]
    own = example.event.actor.role_arn

    assert Engine([burst()], MemoryState()).alerts(events)
    assert not Engine([burst()], MemoryState(), own).alerts(events)
