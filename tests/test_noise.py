from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trailbell import noise
from trailbell.channels.base import Channel
from trailbell.compose import Reader, compose
from trailbell.model import Alert, Event, Group, Message, Severity, say
from trailbell.settings import Mute
from trailbell.testing import Identity, call, person, role, user

START = datetime(2026, 3, 17, 16, 0, tzinfo=UTC)


class Box(Channel):
    """A channel that nobody posts to."""

    type: Literal["box"] = "box"

    def render(self, message: Message) -> dict[str, Any]:
        return {}

    def render_plain(self, message: Message) -> dict[str, Any]:
        return {}

    def send(
        self, body: dict[str, Any], http: urllib3.PoolManager, timeout: urllib3.Timeout
    ) -> None:
        raise NotImplementedError


def alert(
    rule: str = "access-key-created",
    severity: Severity = Severity.HIGH,
    *,
    by: Identity | str = "alice",
    at: int = 0,
    event: Event | None = None,
    own: bool = False,
    gives_way: bool = False,
    **fields: Any,
) -> Alert:
    """An alert; ``at`` is the second of its event."""
    time = (START + timedelta(seconds=at)).isoformat()
    event = event or call("iam:CreateAccessKey", by=by, **({"eventTime": time} | fields))
    return Alert(rule, severity, say("{}", rule), event, own=own, gives_way=gives_way)


def many(count: int, **fields: Any) -> list[Alert]:
    return [alert(at=n, eventID=f"id-{n:04}", **fields) for n in range(count)]


def rules_of(alerts: Sequence[Alert]) -> list[str]:
    return [alert.rule for alert in alerts]


def hides(mute: Mute, zone: str = "UTC") -> Callable[[Alert], bool]:
    return lambda alert: mute.hides(alert, ZoneInfo(zone))


class TestMostSpecific:
    @pytest.mark.parametrize(
        ("others", "expected"),
        [
            ([], ["iam-user-activity"]),
            ([{}], ["access-key-created"]),
            ([{}, {"rule": "a-third"}], ["access-key-created", "a-third"]),
            ([{"rule": "rule-error", "own": True}], ["iam-user-activity", "rule-error"]),
        ],
        ids=["alone", "beside one", "beside two", "beside a rule that failed"],
    )
    def test_same_event(self, others: list[dict[str, Any]], expected: list[str]) -> None:
        """The catch-all gives way to a rule that says more, but not to one that said nothing."""
        event = call("iam:CreateAccessKey")
        catch_all = alert("iam-user-activity", Severity.INFO, event=event, gives_way=True)

        alerts = [catch_all, *(alert(event=event, **other) for other in others)]

        assert rules_of(noise.most_specific(alerts)) == expected
        assert sorted(rules_of(noise.most_specific(alerts[::-1]))) == sorted(expected)

    def test_another_event_of_the_same_id(self) -> None:
        """It gives way on the same event only, and an empty id makes no two events one."""
        catch_all = alert("iam-user-activity", gives_way=True, eventID="")

        assert len(noise.most_specific([catch_all, alert(eventID="")])) == 2

    def test_it_gives_way_to_a_muted_rule(self) -> None:
        """Who mutes a rule wants to hear nothing of its events, the catch-all included."""
        event = call("iam:CreateAccessKey")
        alerts = [alert("iam-user-activity", event=event, gives_way=True), alert(event=event)]
        mutes = [hides(Mute(rule="access-key-created", reason="known"))]

        ring, muted = noise.unmuted(noise.most_specific(alerts), mutes)

        assert (rules_of(ring), rules_of(muted)) == ([], ["access-key-created"])


SSO = "AWSReservedSSO_Admin_0123456789abcdef"
DEPLOY_ARN = "arn:aws:iam::111122223333:role/team/deploy"


class TestMutes:
    @pytest.mark.parametrize(
        ("conditions", "by", "expected"),
        [
            ({"rule": "access-key-created"}, "alice", True),
            ({"rule": "access-*"}, "alice", True),
            ({"rule": "access"}, "alice", False),
            ({"rule": "Access-Key-Created"}, "alice", False),
            ({"rule": "*"}, "alice", True),
            ({"actor": "alice"}, "alice", True),
            ({"actor": "al*"}, "alice", True),
            ({"actor": "Alice"}, "alice", False),
            ({"actor": "alice"}, "malice", False),
            ({"actor": "deploy/*"}, role("deploy", "build-42"), True),
            ({"actor": "deploy"}, role("deploy", "build-42"), False),
            ({"actor": "Admin (SSO) bob@example.com"}, person("bob@example.com", "Admin"), True),
            ({"actor": "bob@example.com"}, person("bob@example.com", "Admin"), False),
            ({"role": "deploy"}, role("deploy", "build-42"), True),
            ({"role": "dep*"}, role("deploy", "build-42"), True),
            ({"role": DEPLOY_ARN}, role("deploy", "build-42", path="/team/"), True),
            ({"role": "arn:*:role/*deploy"}, role("deploy", "build-42"), True),
            ({"role": "build-42"}, role("deploy", "build-42"), False),
            ({"role": SSO}, person("bob@example.com", "Admin"), True),
            ({"role": "deploy"}, "deploy", False),
            ({"role": "*"}, "deploy", False),
            ({"account": "111122223333"}, "alice", True),
            ({"account": "1111*"}, "alice", True),
            ({"account": "444455556666"}, "alice", False),
            ({"action": "iam:CreateAccessKey"}, "alice", True),
            ({"action": "iam:*"}, "alice", True),
            ({"action": "CreateAccessKey"}, "alice", False),
            ({"ip": "192.0.2.*"}, "alice", True),
            ({"ip": "192.0.2.1"}, "alice", False),
            ({"region": "us-*"}, "alice", True),
            ({"region": "eu-*"}, "alice", False),
            ({"rule": "access-*", "actor": "bob"}, "alice", False),
            ({"rule": "access-*", "actor": "alice", "ip": "192.0.2.10"}, "alice", True),
        ],
    )
    def test_conditions(
        self, conditions: dict[str, str], by: Identity | str, expected: bool
    ) -> None:
        """A mute holds where all of its conditions do."""
        assert hides(Mute(**conditions, reason="known"))(alert(by=by)) is expected

    @pytest.mark.parametrize("field", ["actor", "role", "account", "action", "ip", "region"])
    def test_a_field_that_is_not_there(self, field: str) -> None:
        """What a record does not say fits no condition but the one that names it, not even *."""
        nameless = Alert("a-rule", Severity.LOW, say("x"), Event({}))

        expected = field == "actor"  # an actor without a name is called "unknown"
        assert hides(Mute.model_validate({field: "*", "reason": "x"}))(nameless) is expected

    @pytest.mark.parametrize(
        ("until", "zone", "time", "expected"),
        [
            (None, "UTC", "2036-01-01T00:00:00Z", True),
            ("2026-03-17", "UTC", "2026-03-17T00:00:00Z", True),
            ("2026-03-17", "UTC", "2026-03-17T23:59:59Z", True),
            ("2026-03-17", "UTC", "2026-03-18T00:00:00Z", False),
            ("2026-03-17", "Europe/Berlin", "2026-03-17T22:59:59Z", True),
            ("2026-03-17", "Europe/Berlin", "2026-03-17T23:00:00Z", False),
            ("2026-03-17", "America/New_York", "2026-03-18T03:59:59Z", True),
            ("2026-03-17", "America/New_York", "2026-03-18T04:00:00Z", False),
            ("2026-03-29", "Europe/Berlin", "2026-03-29T21:59:59Z", True),  # 23 hours long
            ("2026-03-29", "Europe/Berlin", "2026-03-29T22:00:00Z", False),
            (date(2026, 3, 17), "UTC", "2026-03-17T23:59:59Z", True),
            (date(2026, 3, 17), "UTC", "2026-03-18T00:00:00Z", False),
            ("2026-03-17T18:00", "UTC", "2026-03-17T18:00:00Z", True),
            ("2026-03-17T18:00", "UTC", "2026-03-17T18:00:01Z", False),
            ("2026-03-17 18:00:00", "Europe/Berlin", "2026-03-17T17:00:00Z", True),
            ("2026-03-17 18:00:00", "Europe/Berlin", "2026-03-17T17:00:01Z", False),
            ("2026-03-17T18:00:00+01:00", "Asia/Tokyo", "2026-03-17T17:00:00Z", True),
            ("2026-03-17T18:00:00Z", "Asia/Tokyo", "2026-03-17T18:00:01Z", False),
            (datetime(2026, 3, 17, 18, tzinfo=UTC), "UTC", "2026-03-17T18:00:00Z", True),
            (datetime(2026, 3, 17, 18), "UTC", "2026-03-17T18:00:01Z", False),  # noqa: DTZ001
            ("2026-03-17T00:00", "UTC", "2026-03-17T00:00:00Z", True),
            ("2026-03-17T00:00", "UTC", "2026-03-17T00:00:01Z", False),
            ("9999-12-31", "UTC", "2026-03-17T00:00:00Z", True),
            ("9999-12-31", "America/New_York", "2026-03-17T00:00:00Z", True),
            ("9999-12-31T23:59:59", "Asia/Tokyo", "2026-03-17T00:00:00Z", True),
            ("0001-01-01", "Asia/Tokyo", "2026-03-17T00:00:00Z", False),
            ("2026-03-17", "UTC", None, False),
        ],
    )
    def test_until(self, until: object, zone: str, time: str | None, expected: bool) -> None:
        """The end is inclusive and compared with the event's time; a date means its last moment in
        the reader's zone; an event without a time is not muted by a mute that ends."""
        mute = Mute.model_validate({"rule": "*", "until": until, "reason": "known"})

        assert hides(mute, zone)(alert(eventTime=time)) is expected

    @pytest.mark.parametrize(
        ("mute", "says"),
        [
            ({"reason": "x"}, "needs a condition"),
            ({"until": "2026-03-17", "reason": "x"}, "needs a condition"),
            ({"rule": "*"}, "reason"),
            ({"rule": "*", "reason": ""}, "reason"),
            ({"rule": "*", "reason": "x", "until": "tomorrow"}, "is no date or time"),
            ({"rule": "*", "reason": "x", "until": "2026-02-30"}, "is no date or time"),
            ({"rule": "*", "reason": "x", "util": "2026-03-17"}, "util"),
            ({"rule": 5, "reason": "x"}, "rule"),
        ],
    )
    def test_wrong_mutes(self, mute: dict[str, Any], says: str) -> None:
        """A mute needs a condition and a reason, and an end that is one."""
        with pytest.raises(ValidationError, match=says):
            Mute.model_validate(mute)

    def test_own_alerts_are_never_muted(self) -> None:
        """A mute of everything does not hide that something could not be judged."""
        alerts = [alert("rule-error", own=True), alert("unreadable-record", own=True), alert()]

        ring, muted = noise.unmuted(alerts, [lambda _: True])

        assert rules_of(ring) == ["rule-error", "unreadable-record"]
        assert rules_of(muted) == ["access-key-created"]


KINDS = [
    {},
    {"rule": "iam-user-created"},
    {"severity": Severity.CRITICAL},
    {"severity": Severity.LOW},
    {"by": user("alice", account="444455556666")},
    {"rule": "rule-error", "own": True},
]


class TestRoutes:
    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            ({}, [0, 1, 2, 3, 4, 5]),
            ({"min_severity": "high"}, [0, 1, 2, 4, 5]),
            ({"min_severity": "critical"}, [2, 5]),
            ({"rules": ["iam-*"]}, [1, 5]),
            ({"rules": ["access-key-created", "iam-user-created"]}, [0, 1, 2, 3, 4, 5]),
            ({"rules": []}, [5]),
            ({"accounts": ["444455556666"]}, [4, 5]),
            ({"accounts": ["4444*"]}, [5]),
            (
                {"rules": ["access-*"], "accounts": ["111122223333"], "min_severity": "high"},
                [0, 2, 5],
            ),
        ],
    )
    def test_filters(self, filters: dict[str, Any], expected: list[int]) -> None:
        """A channel takes what all of its filters let through; what trailbell says of itself goes
        to the first channel where no filter does."""
        alerts = [alert(**kind) for kind in KINDS]  # type: ignore[arg-type]

        routes = noise.routed(alerts, [Box(name="box", **filters)])

        assert [alerts.index(taken) for taken in routes.get("box", [])] == expected

    def test_own_alerts_go_where_a_filter_lets_them(self) -> None:
        """The first channel stands in only where nobody else takes it."""
        first = Box(name="first", rules=("access-*",))
        second = Box(name="second", rules=("*-error",))
        broken, unread = alert("rule-error", own=True), alert("unreadable-record", own=True)

        routes = noise.routed([broken, unread, alert("root-activity")], [first, second])

        assert routes == {"first": [unread], "second": [broken]}

    def test_every_channel_gets_its_own(self) -> None:
        """Two channels without filters both get everything; without a channel nobody does."""
        alerts = many(3)

        assert noise.routed(alerts, [Box(name="a"), Box(name="b")]) == {"a": alerts, "b": alerts}
        assert noise.routed([alert(own=True)], []) == {}
        assert noise.routed([], [Box(name="a")]) == {}


def by_actors(count: int, **fields: Any) -> list[Alert]:
    """Alerts that fall into as many groups."""
    return [alert(by=f"user-{n:02}", at=n, eventID=f"id-{n:04}", **fields) for n in range(count)]


class TestGroups:
    @pytest.mark.parametrize(
        ("alerts", "sizes", "rest"),
        [
            ([], [], False),
            (many(1), [1], False),
            (many(5), [1] * 5, False),
            (many(6), [6], False),
            (many(6000), [6000], False),
            (by_actors(5), [1] * 5, False),
            (by_actors(6), [1] * 6, False),
            (by_actors(10), [1] * 10, False),
            (by_actors(11), [1] * 9 + [2], True),
            (by_actors(40), [1] * 9 + [31], True),
            (many(6) + by_actors(9), [6] + [1] * 9, False),
            (many(6) + by_actors(10), [6] + [1] * 8 + [2], True),
        ],
        ids=[
            "none", "one", "five alike", "six alike", "6,000 alike", "five", "six", "ten groups",
            "eleven groups", "forty groups", "ten groups, one of six", "eleven, one of six",
        ],
    )  # fmt: skip
    def test_sizes(self, alerts: list[Alert], sizes: list[int], rest: bool) -> None:
        """Five are told one by one, more by rule, actor and account, at most ten messages; the
        tenth then tells what is left as counts."""
        groups = noise.groups(alerts)

        assert [len(group.alerts) for group in groups] == sizes
        assert [group.rest for group in groups] == [False] * (len(sizes) - 1) + [rest] * bool(sizes)

    @pytest.mark.parametrize(
        "other",
        [
            {"rule": "another-rule"},
            {"by": "bob"},
            {"by": user("alice", account="444455556666")},
            {"by": role("alice", "x")},
        ],
        ids=["rule", "actor", "account", "kind of actor"],
    )
    def test_what_makes_a_group(self, other: dict[str, Any]) -> None:
        """Alerts of another rule, actor or account are another group."""
        assert [len(group.alerts) for group in noise.groups([*many(6), alert(**other, at=9)])] == [
            6,
            1,
        ]

    def test_an_alert_may_be_severer_than_its_group(self) -> None:
        """A group is as severe as the worst in it, and is not split by severity."""
        alerts = [*many(6), alert(severity=Severity.CRITICAL, at=9)]

        (group,) = noise.groups(alerts)

        assert group.severity is Severity.CRITICAL

    @pytest.mark.parametrize("count", [1, 2])
    def test_order(self, count: int) -> None:
        """The most severe comes first, then the earliest, then what says nothing of its time."""
        timeless = {"eventTime": None}
        kinds: list[dict[str, Any]] = [
            {"rule": "e-rule", "severity": Severity.LOW, "at": 1},
            {"rule": "d-rule", "severity": Severity.HIGH, **timeless},
            {"rule": "a-rule", "severity": Severity.CRITICAL, "at": 7},
            {"rule": "c-rule", "severity": Severity.HIGH, "at": 5},
            {"rule": "b-rule", "severity": Severity.HIGH, "at": 3},
        ]

        groups = noise.groups([alert(**kind) for kind in kinds * count])

        assert [group.alerts[0].rule for group in groups] == [
            f"{letter}-rule" for letter in "abcde"
        ]

    def test_order_in_a_group(self) -> None:
        """A group's alerts stand by time, whatever order the records came in."""
        alerts = many(8)

        (group,) = noise.groups(alerts[4:] + alerts[3::-1])

        assert [alert.event.id for alert in group.alerts] == [f"id-{n:04}" for n in range(8)]

    def test_the_worst_are_told_in_full(self) -> None:
        """What the cap leaves over is the least severe."""
        alerts = [*by_actors(30, severity=Severity.LOW), *many(2, severity=Severity.CRITICAL)]

        groups = noise.groups(alerts)

        assert groups[0].severity is Severity.CRITICAL
        assert groups[-1].severity is Severity.LOW

    def test_a_flood(self) -> None:
        """6,000 matches in one payload are ten messages that add up to them."""
        alerts = [
            alert(f"rule-{n % 30}", Severity(1 + n % 5), by=f"user-{n % 7}", at=n)
            for n in range(6000)
        ]

        groups = noise.groups(alerts)

        assert len(groups) == 10
        assert sum(len(group.alerts) for group in groups) == 6000
        assert groups[0].severity is Severity.CRITICAL


@st.composite
def any_alerts(draw: st.DrawFn) -> list[Alert]:
    """Alerts of few rules, actors, accounts and seconds, so that they meet."""
    found = []
    for number in range(draw(st.integers(0, 40))):
        own = draw(st.integers(0, 9)) == 0
        account = draw(st.sampled_from(["111122223333", "444455556666"]))
        found.append(
            alert(
                "rule-error" if own else draw(st.sampled_from(["a-rule", "b-rule", "c-rule"])),
                draw(st.sampled_from(Severity)),
                by=user(draw(st.sampled_from(["alice", "bob", "carol"])), account=account),
                at=draw(st.integers(0, 2)),
                own=own,
                eventID=draw(st.sampled_from([f"id-{number:04}", ""])),
            )
        )
    return found


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "min_severity": st.sampled_from(["info", "medium", "critical"]),
        "rules": st.lists(st.sampled_from(["a-rule", "b-*", "rule-error", "*"]), max_size=2),
        "accounts": st.lists(st.sampled_from(["111122223333", "444455556666"]), max_size=2),
    },
)


@given(any_alerts(), st.lists(FILTERS, min_size=1, max_size=3))
def test_the_counts_add_up(alerts: list[Alert], filters: list[dict[str, Any]]) -> None:
    """The counts of a channel's messages are the alerts that were routed to it, at most ten
    messages, the most severe first; what trailbell says of itself reaches somebody."""
    channels = [Box(name=f"box-{n}", **fields) for n, fields in enumerate(filters)]

    routes = noise.routed(alerts, channels)

    for routed in routes.values():
        groups = noise.groups(routed)
        messages = [compose(group, Reader()) for group in groups]
        assert sum(message.count for message in messages) == len(routed)
        told = Counter(id(alert) for group in groups for alert in group.alerts)
        assert told == Counter(map(id, routed))
        assert len(messages) <= 10
        severities = [group.severity for group in groups]
        assert severities == sorted(severities, reverse=True)
    reached = {id(alert) for routed in routes.values() for alert in routed}
    assert {id(alert) for alert in alerts if alert.own} <= reached


def formed(groups: Sequence[Group]) -> list[tuple[bool, list[str]]]:
    """The groups as values that compare, whatever the order inside of them."""
    return [(group.rest, sorted(alert.event.id for alert in group.alerts)) for group in groups]


def test_one_name_in_two_accounts() -> None:
    """Groups that begin in the same second stand in one order, whichever record came first."""
    here = [alert(eventID=f"id-{n}") for n in (1, 4, 5)]
    there = [alert(eventID=f"id-{n}", by=user("alice", account="4" * 12)) for n in (2, 3, 6)]

    one, other = noise.groups(here + there), noise.groups(here[::-1] + there)

    assert formed(one) == formed(other)


@st.composite
def distinct_alerts(draw: st.DrawFn) -> list[Alert]:
    """The same, each with an id of its own, as CloudTrail gives them."""
    alerts = draw(any_alerts())
    for number, found in enumerate(alerts):
        found.event.raw["eventID"] = f"id-{number:04}"
    return alerts


@given(distinct_alerts(), st.randoms(use_true_random=False))
def test_the_groups_do_not_depend_on_the_order(
    alerts: list[Alert], shuffler: random.Random
) -> None:
    """Whatever order the records come in, they form the same groups in the same order: a retry
    must not tell the same alerts in other messages."""
    shuffled = list(alerts)
    shuffler.shuffle(shuffled)

    assert formed(noise.groups(shuffled)) == formed(noise.groups(alerts))
