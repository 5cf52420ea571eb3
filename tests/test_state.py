"""What every memory promises, and what the rules that look beyond one event make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tables
from conftest import compact, records
from trailbell import rules
from trailbell.engine import Engine
from trailbell.errors import ConfigError
from trailbell.model import Event
from trailbell.rules.base import Quiet, Rings, Rule, find
from trailbell.state import dynamodb
from trailbell.state.base import Entry, State, densest
from trailbell.state.dynamodb import DynamoState, Table
from trailbell.state.memory import ENTRIES, SUBJECTS, MemoryState
from trailbell.testing import call, iam_call, sign_in


class NoMemory(DynamoState):
    """Only the table: what it is not asked, or does not answer, is a failure."""

    def _once(self, question: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        self._told.clear()
        found = super()._once(question, ask)
        assert found is not None, self.down
        return found


New = Callable[[], State]
IMPLEMENTATIONS: dict[str, New] = {
    "memory": MemoryState,
    "dynamodb": lambda: NoMemory(tables.make()),
}
unhurried = settings(deadline=None)  # a busy machine is no defect
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TEN = 10 * MINUTE
FOUND = find(rules)
STATEFUL = [rule for _, rule in sorted(FOUND.items()) if rule.needs_state]
EXAMPLES = [(rule, example) for rule in STATEFUL for example in rule.examples()]


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def each(request: pytest.FixtureRequest) -> Iterator[New]:
    """Makes an empty memory, of each kind: moto takes its time."""
    with tables.aws():
        yield IMPLEMENTATIONS[request.param]


@pytest.fixture(
    scope="module",
    params=["memory", pytest.param("dynamodb", marks=pytest.mark.slow)],
)
def every(request: pytest.FixtureRequest) -> Iterator[New]:
    """Makes an empty memory, of each kind."""
    with tables.aws():
        yield IMPLEMENTATIONS[request.param]


@pytest.fixture(scope="module")
def new() -> New:
    """Makes an empty memory, for what is about the rules."""
    return MemoryState


@pytest.fixture
def state(each: New) -> State:
    return each()


def add(state: State, minute: float, value: str = "", *, who: str = "alice") -> tuple[Entry, ...]:
    """Note what happened at that minute after noon; its id is the minute."""
    return state.add(who, f"{minute}", NOON + minute * MINUTE, TEN, value)


def minutes(entries: Sequence[Entry]) -> list[float]:
    return [(entry.time - NOON) / MINUTE for entry in entries]


class TestAdd:
    def test_an_entry(self, state: State) -> None:
        """What is noted comes back as it was told."""
        assert add(state, 3, "x") == (Entry("3", NOON + 3 * MINUTE, "x"),)

    def test_the_same_record_twice(self, state: State) -> None:
        """CloudTrail delivers one record in five twice: it counts once."""
        add(state, 0)
        assert minutes(add(state, 1)) == [0, 1]
        assert minutes(add(state, 1)) == [0, 1]
        assert minutes(add(state, 2)) == [0, 1, 2]

    def test_again_after_later_ones(self, state: State) -> None:
        """A retry finds what was found the first time, whatever has come since."""
        answers = [add(state, minute) for minute in range(5)]

        assert [add(state, minute) for minute in range(5)] == answers

    @pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
    def test_any_order(self, state: State, order: tuple[int, ...]) -> None:
        """Late and out of order: each has its rank, and the last to arrive sees them all."""
        answers = [minutes(add(state, minute)) for minute in order]

        assert [len(answer) for answer in answers] == [1, 2, 3, 4]
        assert answers[-1] == [0, 1, 2, 3]
        assert all(answer == sorted(answer) for answer in answers)

    def test_the_window(self, state: State) -> None:
        """Only what is no further than the window is around, before and after, to the second."""
        for minute in (-10.5, -10, 0, 10, 10.5):
            answer = add(state, minute)

        assert minutes(answer) == [10, 10.5]
        assert minutes(add(state, 0.25)) == [0, 0.25, 10]
        assert minutes(add(state, 0)) == [-10, 0]

    def test_another_window(self, state: State) -> None:
        """How far around is up to whoever asks."""
        add(state, 0)
        far = state.add("alice", "60", NOON + 60 * MINUTE, 60 * MINUTE, "")

        assert minutes(far) == [0, 60]

    def test_subjects_are_apart(self, state: State) -> None:
        """What one did does not count for another, whatever the ids."""
        add(state, 0, who="alice")

        assert minutes(add(state, 0, who="bob")) == [0]
        assert minutes(add(state, 1, who="alice")) == [0, 1]

    def test_values(self, state: State) -> None:
        """Values come back beside their entries, and the first word stands."""
        add(state, 0, "ListUsers")
        add(state, 1, "ListRoles")
        add(state, 1, "changed")

        answer = add(state, 2, "ListUsers")

        assert [entry.value for entry in answer] == ["ListUsers", "ListRoles", "ListUsers"]

    def test_the_same_id_at_another_time(self, state: State) -> None:
        """An id that comes again with another time is still the entry that it was."""
        add(state, 0)
        again = state.add("alice", "0", NOON + 600 * MINUTE, TEN, "")

        assert minutes(again) == [0]

    def test_the_same_time(self, state: State) -> None:
        """Many records of one second are many."""
        for number in range(5):
            answer = state.add("alice", f"id-{number}", NOON, TEN)

        assert len(answer) == 5

    def test_strange_words(self, state: State) -> None:
        """Names come from records: anything may be in them."""
        for word in ("", ":", "x" * 2000, "a\x00b", "\ud83d", "{}", "ü"):
            assert [e.value for e in state.add(f"s:{word}", f"i{word}", NOON, TEN, word)] == [word]
            assert state.first(f"m:{word}", f"i{word}", TEN)


class TestFirst:
    def test_who_sets_it(self, state: State) -> None:
        """The first has it, and has it again; nobody else does."""
        assert [state.first("mark", name, TEN) for name in "aabaab"] == [
            True, True, False, True, True, False,
        ]  # fmt: skip

    def test_marks_are_apart(self, state: State) -> None:
        """One mark says nothing of another, nor do entries of the same name."""
        add(state, 0, who="mark")

        assert state.first("mark", "a", TEN)
        assert state.first("other", "b", TEN)
        assert not state.first("mark", "b", TEN)


@settings(unhurried, max_examples=10)
@given(st.permutations(range(8)), st.data())
def test_retries_between(each: New, order: list[int], data: st.DataObject) -> None:
    """Retries strewn in anywhere change no answer, neither their own nor those of the others."""
    plain, strewn = each(), each()
    expected = {minute: add(plain, minute) for minute in order}
    seen: list[int] = []
    for minute in order:
        assert add(strewn, minute) == expected[minute]
        seen.append(minute)
        for other in data.draw(st.lists(st.sampled_from(seen), max_size=2)):
            assert add(strewn, other) == expected[other]


class TestMemory:
    def test_it_does_not_grow_forever(self) -> None:
        """A replay of a year, or an attack that goes on, fills no memory."""
        state = MemoryState()
        for number in range(ENTRIES + 10):
            answer = state.add("alice", str(number), NOON, TEN)
        for number in range(SUBJECTS + 10):
            state.add(f"subject-{number}", "x", NOON, TEN)
            state.first(f"mark-{number}", "x", TEN)

        assert len(answer) == ENTRIES
        assert len(state._entries) == len(state._marks) == SUBJECTS


def entries(*rows: tuple[int, str]) -> tuple[Entry, ...]:
    return tuple(
        Entry(str(number), NOON + minute * MINUTE, value)
        for number, (minute, value) in enumerate(sorted(rows))
    )


class TestDensest:
    @pytest.mark.parametrize(
        ("times", "event", "expected"),
        [
            ([0], "0", [0]),
            ([0, 5, 10], "1", [0, 5, 10]),
            ([0, 5, 11], "1", [0, 5]),
            ([0, 9, 11, 12, 19], "1", [9, 11, 12, 19]),
            ([0, 9, 11, 12, 19], "0", [0, 9]),
            ([0, 0, 0, 30], "3", [30]),
            ([0, 0, 0, 30], "", [0, 0, 0]),
            ([0, 20, 40], "nobody", []),
            ([], "", []),
        ],
    )
    def test_most(self, times: list[int], event: str, expected: list[int]) -> None:
        """The fullest window that has the event in it; its ends belong to it."""
        found = densest(entries(*((time, "") for time in times)), event, TEN)

        assert minutes(found) == expected

    def test_distinct(self) -> None:
        """Different values may be in another window than most entries, and more of them win."""
        rows = [(0, "a"), (1, "a"), (2, "a"), (3, "a"), (8, "b"), (13, "c"), (14, "c")]

        assert minutes(densest(entries(*rows), "4", TEN)) == [0, 1, 2, 3, 8]
        assert minutes(densest(entries(*rows), "4", TEN, distinct=True)) == [3, 8, 13]

    @unhurried
    @given(
        st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abcd")), min_size=1, max_size=14),
        st.booleans(),
        st.data(),
    )
    def test_nothing_is_fuller(
        self, rows: list[tuple[int, str]], distinct: bool, data: st.DataObject
    ) -> None:
        """No other window with the event in it has more."""
        all_of = entries(*rows)
        event_id = data.draw(st.sampled_from(["", *(entry.event_id for entry in all_of)]))

        def size(window: Sequence[Entry]) -> int:
            return len({entry.value for entry in window}) if distinct else len(window)

        windows = [
            [entry for entry in all_of if timedelta() <= entry.time - start.time <= TEN]
            for start in all_of
        ]
        fit = [w for w in windows if not event_id or event_id in {entry.event_id for entry in w}]
        found = densest(all_of, event_id, TEN, distinct=distinct)

        assert size(found) == max(map(size, fit))
        assert found[-1].time - found[0].time <= TEN


def watched(rule_id: str, new: New, **tuning: object) -> Rule:
    """A rule with an empty memory."""
    rule = FOUND[rule_id].tuned(tuning)
    rule.state = new()
    return rule


@pytest.mark.parametrize(
    ("rule", "example"),
    EXAMPLES,
    ids=[f"{rule.id}: {example.name}" for rule, example in EXAMPLES],
)
class TestExamples:
    def test_after_what_went_before(
        self, every: New, rule: type[Rule], example: Rings | Quiet
    ) -> None:
        """A rule says of the event what the example says, after the events before it; and again,
        since a failed post is tried again, and after it was asked of all of them once more."""
        watch = watched(rule.id, every)
        before = [watch.rings(event) for event in example.before]
        for _ in range(3):
            assert watch.rings(example.event) is isinstance(example, Rings)
            if isinstance(example, Rings):
                assert str(watch.title(example.event)) == example.title
                assert example.severity in (None, watch.rank(example.event))
                assert all(line.text for line in watch.details(example.event))
                watch.first_aid(example.event)
            assert [watch.rings(event) for event in example.before] == before

    def test_not_by_itself(self, new: New, rule: type[Rule], example: Rings | Quiet) -> None:
        """Without what went before, no event is news."""
        assert not watched(rule.id, new).rings(example.event)

    def test_the_filter_lets_it_through(
        self, new: New, rule: type[Rule], example: Rings | Quiet
    ) -> None:
        """What a rule has to remember reaches it, though most records are dropped unread."""
        engine = Engine([rule()], new())
        texts = [compact(event.raw) for event in (*example.before, example.event)]
        read = [Event(e.raw, message=t) for e, t in zip(all_of(example), texts, strict=True)]

        alerts = [engine.alerts([event]) if engine.wants(event.message) else [] for event in read]

        assert [alert.rule for alert in alerts[-1]] == [rule.id] * isinstance(example, Rings)


def all_of(example: Rings | Quiet) -> list[Event]:
    return [*example.before, example.event]


@pytest.mark.parametrize("rule", STATEFUL, ids=lambda rule: rule.id)
class TestRules:
    def test_no_id_or_time(self, new: New, rule: type[Rule]) -> None:
        """A record without id or time cannot be told from the next: it counts for nothing."""
        for field in ("eventID", "eventTime"):
            watch = watched(rule.id, new)
            for example in rule.examples():
                for event in all_of(example):
                    for value in (None, "", 5, [], "x" if field == "eventTime" else {}):
                        assert not watch.rings(Event(event.raw | {field: value}))

    def test_no_id_counts_for_nothing(self, new: New, rule: type[Rule]) -> None:
        """What cannot be told apart does not add up with what can."""
        for example in rule.examples():
            watch = watched(rule.id, new)
            for event in example.before:
                watch.rings(Event(event.raw | {"eventID": ""}))
            assert not watch.rings(example.event)

    def test_accounts_are_apart(self, new: New, rule: type[Rule]) -> None:
        """What happens in one account does not count for another."""
        for example in rule.examples():
            watch = watched(rule.id, new)
            for event in example.before:
                watch.rings(Event(event.raw | {"recipientAccountId": "999988887777"}))
            assert not watch.rings(Event(example.event.raw))

    def test_says_what_it_is_without_a_table(self, rule: type[Rule]) -> None:
        """The page of the rule tells that its memory is short."""
        words = " ".join((rule.__doc__ or "").split())

        assert "Without a table it" in words and "one replay reads" in words

    def test_limits(self, rule: type[Rule]) -> None:
        """A number that no clock or counter could stand for is refused by its name."""
        numbers = [name for name, hint in rule.hints().items() if hint is int]
        assert numbers
        for name in numbers:
            for value in (-1, 10**12):
                with pytest.raises(ConfigError, match=name):
                    rule.tuned({name: value})


def fail(number: int, second: int, by: str = "dave", ip: str = "203.0.113.45") -> Event:
    time = NOON + timedelta(seconds=second)
    return sign_in(
        by=by,
        mfa="No",
        failure="Failed authentication",
        sourceIPAddress=ip,
        eventID=f"id-{number}",
        eventTime=f"{time:%Y-%m-%dT%H:%M:%SZ}",
    )


def win(second: int, by: str = "dave", ip: str = "203.0.113.45") -> Event:
    event = fail(1000 + second, second, by, ip)
    del event.raw["errorMessage"]
    event.raw["responseElements"] = {"ConsoleLogin": "Success"}
    return event


def rings(rule: Rule, events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """What the rule says of the events, in that order."""
    return [
        (event.id, str(rule.rank(event)), str(rule.title(event)))
        for event in events
        if rule.rings(event)
    ]


def buckets(found: Sequence[tuple[str, str, str]], events: Sequence[Event]) -> Counter[object]:
    """How many rings fell into each quarter of an hour."""
    times = {event.id: event.time for event in events}
    return Counter((time - NOON) // (15 * MINUTE) for row in found if (time := times[row[0]]))


class TestBruteForce:
    @unhurried
    @given(st.lists(st.integers(0, 15 * 60), min_size=5, max_size=25))
    def test_a_burst_in_any_order(self, new: New, seconds: list[int]) -> None:
        """Five failures or more within a window ring, in whatever order they arrive, and once a
        quarter of an hour."""
        events = [fail(number, second) for number, second in enumerate(seconds)]

        found = rings(watched("console-login-bruteforce", new), events)

        assert found
        assert max(buckets(found, events).values()) == 1
        assert {row[1] for row in found} == {"high"}

    @unhurried
    @given(
        st.lists(
            st.tuples(st.integers(0, 3600), st.sampled_from("abcdefghijkl"), st.booleans()),
            min_size=1,
            max_size=40,
        )
    )
    def test_one_address(self, new: New, rows: list[tuple[int, str, bool]]) -> None:
        """However an address fails and succeeds, it rings at most once a quarter of an hour for
        each stage: a burst, spraying, a success."""
        events = [
            win(3 * number + second, who) if good else fail(number, second, who)
            for number, (second, who, good) in enumerate(rows)
        ]
        rule = watched("console-login-bruteforce", new)

        found = [row for row in rings(rule, events) if " signed in to " not in row[2]]

        assert all(count <= 4 for count in buckets(found, events).values())
        per_stage = Counter((row[1], "tried passwords" in row[2]) for row in found)
        assert all(count <= 7 for count in per_stage.values())

    @unhurried
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3600),
                st.sampled_from("abcdefghijkl"),
                st.sampled_from(["203.0.113.45", "203.0.113.46", ""]),
                st.integers(0, 9),
            ),
            max_size=40,
        )
    )
    def test_everything_twice(self, new: New, rows: list[tuple[int, str, str, int]]) -> None:
        """Each record twice, or all of them once more: the same rings, again."""
        events = [
            win(number * 10_000 + second, who, ip) if kind == 0 else fail(number, second, who, ip)
            for number, (second, who, ip, kind) in enumerate(rows)
        ]
        once = rings(watched("console-login-bruteforce", new), events)

        rule = watched("console-login-bruteforce", new)
        twice = rings(rule, [event for event in events for _ in range(2)])

        assert twice == [row for row in once for _ in range(2)]
        assert rings(rule, events) == once

    def test_exactly_the_threshold(self, new: New) -> None:
        """The fifth rings, at the very end of the window, and not the fourth; a second later
        there are no five in a window."""
        for last, count in ((15 * 60, 1), (15 * 60 + 1, 0)):
            events = [fail(number, number) for number in range(4)] + [fail(4, last)]
            assert len(rings(watched("console-login-bruteforce", new), events)) == count

    def test_an_attack_that_goes_on(self, new: New) -> None:
        """It is told once a quarter of an hour, so that it is not taken for over."""
        events = [fail(number, number * 30) for number in range(120)]

        found = rings(watched("console-login-bruteforce", new), events)

        assert buckets(found, events) == {0: 1, 1: 1, 2: 1, 3: 1}

    def test_it_gets_worse(self, new: New) -> None:
        """A burst becomes spraying, and then somebody gets in: each is told once."""
        events = [fail(number, number * 10, f"user-{number}") for number in range(20)]

        found = rings(
            watched("console-login-bruteforce", new), [*events, win(300), win(310, "bob")]
        )

        assert [row[1:] for row in found] == [
            (
                "high",
                "Somebody at 203.0.113.45 failed to sign in 5 times in 40 seconds, as 5 users",
            ),
            ("high", "Somebody at 203.0.113.45 tried passwords of 10 users in 2 minutes"),
            ("critical", "dave signed in from 203.0.113.45 after 20 failed sign-ins in 4 minutes"),
        ]

    def test_a_success_in_any_order(self, new: New) -> None:
        """Whichever record comes last, somebody learns that the guess was right."""
        events = [*(fail(number, number) for number in range(5)), win(60)]

        for order in permutations(range(6)):
            found = rings(watched("console-login-bruteforce", new), [events[n] for n in order])

            assert [row[1] for row in found] in (["critical"], ["high", "critical"]), order

    @pytest.mark.parametrize(
        ("failures", "success", "expected"),
        [
            pytest.param([0, 1, 2, 3, 4], 32, "after 5 failed sign-ins", id="the last is near"),
            pytest.param([0, 1, 2, 3, 4], 34, "after 5 failed sign-ins", id="just near enough"),
            pytest.param([0, 1, 2, 3, 4], 35, "", id="too late"),
            pytest.param([0, 21, 22, 23, 24, 25], 26, "after 5 failed sign-ins", id="one before"),
            pytest.param([0, 4, 8, 12, 16], 17, "", id="never five in a window"),
        ],
    )
    def test_how_long_after(
        self, new: New, failures: list[int], success: int, expected: str
    ) -> None:
        """A success counts when the failures ended no longer than half an hour before it."""
        rule = watched("console-login-bruteforce", new)
        for number, minute in enumerate(failures):
            rule.rings(fail(number, minute * 60))

        found = rings(rule, [win(success * 60)])

        assert [expected in row[2] for row in found] == ([True] if expected else [])


class TestAccessDenied:
    @unhurried
    @given(st.permutations(range(20)))
    def test_any_order(self, new: New, order: list[int]) -> None:
        """Twenty refusals of ten kinds are told, as high in the end, at most twice a window."""
        events = [
            call(
                f"ec2:Describe{number % 10}",
                error="AccessDenied",
                eventID=f"id-{number}",
                eventTime=f"2026-03-17T12:{number // 4:02}:{number % 4:02}Z",
            )
            for number in range(20)
        ]

        found = rings(watched("access-denied-burst", new), [events[n] for n in order])

        assert [row[1] for row in found] in (["high"], ["medium", "high"])

    def test_less_after_more(self, new: New) -> None:
        """What was told as high is not told again as medium within ten minutes."""

        def refused(second: int, name: str) -> Event:
            time = NOON + timedelta(seconds=second)
            return call(
                f"ec2:Describe{name}",
                error="AccessDenied",
                eventID=f"id-{second}",
                eventTime=f"{time:%Y-%m-%dT%H:%M:%SZ}",
            )

        varied = [refused(second, str(second)) for second in range(-14, 1)]
        same = [refused(second, "Vpcs") for second in range(580, 600)]

        found = rings(watched("access-denied-burst", new), [*varied, *same])

        assert [row[:2] for row in found] == [("id-0", "high")]


class TestNewAdmin:
    @unhurried
    @given(st.permutations(range(5)))
    def test_any_order(self, new: New, order: list[int]) -> None:
        """A user, rights, a key and a password in any order: one administrator, told once."""
        arn = "arn:aws:iam::aws:policy/AdministratorAccess"
        made = [
            iam_call("CreateUser", by="mallory", request={"userName": "backdoor"}),
            iam_call(
                "AttachUserPolicy", by="mallory", request={"userName": "Backdoor", "policyArn": arn}
            ),
            iam_call("CreateAccessKey", by="mallory", request={"userName": "backdoor"}),
            iam_call("CreateLoginProfile", by="mallory", request={"userName": "backdoor"}),
            iam_call("CreateAccessKey", by="mallory", request={"userName": "bob"}),
        ]
        for number, event in enumerate(made):
            event.raw["eventID"] = f"id-{number}"

        found = rings(watched("new-admin-sequence", new), [made[n] for n in order])

        assert [row[1] for row in found] == ["critical"]

    def test_more_and_then_less(self, new: New) -> None:
        """Who was told as an administrator is not told again as one who may be."""
        user = "backdoor"
        arn, own = "arn:aws:iam::aws:policy/IAMFullAccess", "arn:aws:iam::111122223333:policy/admin"
        made = [
            (0, "AttachUserPolicy", {"userName": user, "policyArn": arn}),
            (5, "CreateUser", {"userName": user}),
            (6, "CreateAccessKey", {"userName": user}),
            (64, "AttachUserPolicy", {"userName": user, "policyArn": own}),
        ]
        events = [iam_call(name, by="mallory", request=request) for _, name, request in made]
        for event, (minute, _, _) in zip(events, made, strict=True):
            time = NOON + minute * MINUTE
            event.raw |= {"eventID": f"{minute}", "eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}

        found = rings(watched("new-admin-sequence", new), events)

        assert [row[:2] for row in found] == [("6", "critical")]


class Counting(MemoryState):
    """Knows how many entries it was asked to note."""

    notes = 0

    def add(
        self, subject: str, event_id: str, time: datetime, window: timedelta, value: str = ""
    ) -> tuple[Entry, ...]:
        self.notes += 1
        return super().add(subject, event_id, time, window, value)


@pytest.mark.parametrize(
    ("rule_id", "action", "request_of"),
    [
        ("read-burst", "secretsmanager:GetSecretValue", {"secretId": "prod/db"}),
        ("read-burst", "ssm:GetParameter", {"name": "/prod/db", "withDecryption": True}),
        ("new-key-used-elsewhere", "s3:PutObject", {}),
        ("first-seen-for-principal", "s3:PutObject", {}),
    ],
)
def test_what_happens_all_day(rule_id: str, action: str, request_of: dict[str, object]) -> None:
    """A program that does the same all day does not fill the memory with it."""
    state = Counting()
    rule = watched(rule_id, lambda: state)
    for minute in range(24 * 60):
        time = NOON + minute * MINUTE
        event = call(
            action,
            request=request_of,
            userAgent="my-program/1.0",
            eventID=str(minute),
            eventTime=f"{time:%Y-%m-%dT%H:%M:%SZ}",
        )
        assert not rule.rings(event)

    assert state.notes <= 24 * 12


class TestFirstSeen:
    def test_what_is_used_is_not_forgotten(self, new: New) -> None:
        """A network that is used every day is known for years; one that was not for long is new."""
        rule = watched("first-seen-for-principal", new)

        def used(day: int, ip: str) -> Event:
            time = NOON + timedelta(days=day)
            return call(
                "s3:PutObject",
                sourceIPAddress=ip,
                eventID=f"{day}-{ip}",
                eventTime=f"{time:%Y-%m-%dT%H:%M:%SZ}",
            )

        usual = [used(day, "192.0.2.10") for day in range(800)]
        other = [used(day, "198.51.100.7") for day in (50, 60, 130, 500)]
        events = sorted([*usual, *other], key=lambda event: str(event.time))

        assert [row[0] for row in rings(rule, events)] == ["50-198.51.100.7", "500-198.51.100.7"]


def test_the_sample_day(shared: Path, new: New) -> None:
    """The burst of failed sign-ins, the leaked key and the new administrator are told once each."""
    engine = Engine([rule() for rule in STATEFUL if rule.on_by_default], new())
    events = [Event(record) for record in records(shared, "sample_day")]

    told = [(str(alert.severity), str(alert.title)) for alert in engine.alerts(events)]

    assert told == [
        (
            "high",
            "Somebody at 203.0.113.45 failed to sign in 5 times in 2 minutes,"
            " as dave and an unknown user",
        ),
        ("high", "ci-deploy was refused 15 times in 56 seconds, at 15 kinds of calls"),
        ("critical", "ci-deploy built a new administrator, user backdoor, in 27 seconds"),
    ]


class TestTable:
    """The memory in the ledger's table, where the table is slow, down or asked too much."""

    @pytest.fixture
    def table(self) -> Iterator[Table]:
        with tables.aws():
            yield tables.make()

    def test_a_retry_elsewhere(self, table: Table) -> None:
        """Another process finds what this one found."""
        answers = [add(DynamoState(table), minute) for minute in range(3)]

        assert [add(DynamoState(table), minute) for minute in range(3)] == answers
        assert DynamoState(table).first("mark", "a", TEN)
        assert not DynamoState(table).first("mark", "b", TEN)

    def test_down(self, table: Table) -> None:
        """A table that is gone is asked once; the memory goes on from what it said."""
        state = DynamoState(table)
        state.begin(lambda: 60)
        add(state, 0)
        boto3.client("dynamodb").delete_table(TableName=table.name)

        assert minutes(add(state, 1)) == [0, 1]
        assert minutes(add(state, 2)) == [0, 1, 2]
        assert "ResourceNotFoundException" in state.down
        assert state.errors == 1
        state.begin(lambda: 60)
        assert minutes(add(state, 3)) == [0, 1, 2, 3]

    def test_slow(self, table: Table) -> None:
        """The table may take a quarter of the time that there is."""
        left = 60.0
        state = DynamoState(table)
        state.begin(lambda: left)
        add(state, 0)
        left = 44

        assert minutes(add(state, 1)) == [0, 1]
        assert "a quarter of the time" in state.down

    def test_a_storm(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        """A storm asks so often and no more, and what was told once is not told again."""
        monkeypatch.setattr(dynamodb, "QUESTIONS", 20)
        asked: list[str] = []
        ask = Table.call

        def counted(self: Table, operation: str, **request: Any) -> Any:
            asked.append(operation)
            return ask(self, operation, **request)

        monkeypatch.setattr(Table, "call", counted)
        DynamoState(table).first("told", "somebody else", TEN)
        state = DynamoState(table)
        state.begin(lambda: 60)
        assert not state.first("told", "me", TEN)
        for number in range(30):
            answer = state.add("alice", str(number), NOON, TEN)

        assert len(answer) == 30
        assert not state.first("told", "another", TEN)
        assert len(asked) == 20 + 1

    def test_many_entries(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        """A subject that never rests keeps the younger half of what is full."""
        monkeypatch.setattr(dynamodb, "ENTRIES", 20)
        state = DynamoState(table)
        for number in range(22):
            state.begin(lambda: 60)
            answer = state.add("alice", str(number), NOON, TEN)

        assert not state.down
        assert [entry.event_id for entry in answer] == sorted(map(str, range(10, 22)))
