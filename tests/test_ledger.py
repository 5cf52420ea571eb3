"""What every ledger promises (L-1 to L-8), and what the road makes of one that fails."""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tables
from conftest import draws
from ledgers import KINDS, Shared, SharedTable, aws_server
from trailbell.deadline import TimeUp
from trailbell.engine import RULE_ERROR, unreadable
from trailbell.errors import LedgerDown
from trailbell.ledger import AT_ONCE, Book, alert_key, kind_key, post_key
from trailbell.model import Alert, Event, Severity, say
from trailbell.state.base import FULL, LEASE, Claim, Ledger
from trailbell.state.dynamodb import DynamoLedger, Table
from trailbell.state.memory import MemoryLedger
from trailbell.testing import call, person, role, user

MINE, SENT, BUSY = Claim.MINE, Claim.SENT, Claim.BUSY
QUARTER = 900.0
ABOUT = {"rule": "mfa-registered", "actor": "zoë", "phrase": [["", ""], ["zoë"]], "severity": 1}


@pytest.fixture(scope="module", params=KINDS)
def every(request: pytest.FixtureRequest) -> Iterator[Callable[[], Shared]]:
    """Makes an empty ledger, of each kind."""
    with tables.aws():
        yield KINDS[request.param]


@pytest.fixture
def shared(every: Callable[[], Shared]) -> Shared:
    return every()


@pytest.fixture
def ledger(shared: Shared) -> Ledger:
    return shared.claimant()


@pytest.fixture
def other(shared: Shared) -> Ledger:
    return shared.claimant()


@pytest.fixture
def stored() -> Iterator[SharedTable]:
    """A ledger in DynamoDB, for what only a table has."""
    with tables.aws():
        yield SharedTable()


class TestClaim:
    def test_free(self, ledger: Ledger) -> None:
        """L-1: what nobody claimed is mine, and another alert none the less."""
        assert (ledger.claim("a"), ledger.claim("b")) == (MINE, MINE)

    def test_sent(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """L-2: what was marked is sent for everybody, whenever he asks."""
        ledger.claim("a")
        ledger.mark("a")

        assert (ledger.claim("a"), other.claim("a")) == (SENT, SENT)
        shared.now += 10 * LEASE
        assert (ledger.claim("a"), other.claim("a")) == (SENT, SENT)

    def test_in_flight_elsewhere(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """L-3: another's claim holds for 45 s, and not for longer: Lambda retries after 60."""
        ledger.claim("a")

        for seconds in (0, 1, LEASE - 2):
            shared.now += seconds
            assert other.claim("a") is BUSY
        shared.now += 2
        assert other.claim("a") is MINE
        assert ledger.claim("a") is BUSY
        assert LEASE == 45

    def test_once_more(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """L-1: whoever holds a claim may take it again, which lengthens it."""
        ledger.claim("a")
        shared.now += 40

        assert ledger.claim("a") is MINE
        shared.now += 40
        assert other.claim("a") is BUSY
        shared.now += 6
        assert other.claim("a") is MINE

    def test_refused_leaves_it_alone(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """L-3: to be refused lengthens nothing: a claim of one who died ends in its time."""
        ledger.claim("a")
        for _ in range(4):
            shared.now += 11
            assert other.claim("a") is BUSY
        shared.now += 2

        assert other.claim("a") is MINE


class TestMark:
    def test_without_a_claim(self, ledger: Ledger, other: Ledger) -> None:
        """L-6: what was posted while the ledger did not answer can be marked all the same."""
        ledger.mark("a")

        assert other.claim("a") is SENT
        assert other.receipt("a") == {}

    def test_over_anothers_claim(self, ledger: Ledger, other: Ledger) -> None:
        """L-6: who posted says so, whoever holds the claim by then."""
        other.claim("a")
        ledger.mark("a")

        assert other.claim("a") is SENT

    def test_twice(self, ledger: Ledger, other: Ledger) -> None:
        """Two that posted both mark; the last receipt stays."""
        ledger.mark("a", {"ts": "1"})
        other.mark("a", {"ts": "2"})

        assert ledger.receipt("a") == {"ts": "2"}

    def test_receipt(self, ledger: Ledger, other: Ledger) -> None:
        """What the channel said is there for a message that follows, whatever JSON it is."""
        said = {"ts": "1773763792.000247", "blocks": [{"n": 1.5, "ö": None}], "ok": True}
        ledger.claim("a")
        ledger.mark("a", said)

        assert other.receipt("a") == said
        assert other.receipt("nobody knows it") == {}

    def test_no_receipt_of_a_claim(self, ledger: Ledger) -> None:
        """What is only claimed has no receipt."""
        ledger.claim("a")

        assert ledger.receipt("a") == {}

    @pytest.mark.parametrize("count", [0, 1, 25, 26, 101, 260])
    def test_all(self, count: int, ledger: Ledger, other: Ledger) -> None:
        """Any number of alerts of a group are sent, and looked up, together."""
        keys = [f"key-{number}" for number in range(count)]
        ledger.mark_all([*keys, *keys])

        assert other.sent([*keys, *keys, "another"]) == set(keys)

    def test_claimed_is_not_sent(self, ledger: Ledger, other: Ledger) -> None:
        """Only what was posted counts as sent."""
        ledger.claim("a")
        ledger.mark("b")
        ledger.mark_all(["c"])

        assert other.sent(["a", "b", "c", "d"]) == {"b", "c"}
        assert other.sent([]) == set()
        assert other.claim("c") is SENT


class TestRelease:
    def test_own(self, ledger: Ledger, other: Ledger) -> None:
        """L-7: what certainly was not posted is free at once."""
        ledger.claim("a")
        ledger.release("a")

        assert other.claim("a") is MINE

    def test_anothers(self, ledger: Ledger, other: Ledger) -> None:
        """L-7: another's claim is left alone."""
        ledger.claim("a")
        other.release("a")

        assert other.claim("a") is BUSY

    def test_lost(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """L-7: a claim that ran out and is another's by now is no longer ours to give back."""
        ledger.claim("a")
        shared.now += LEASE + 1
        other.claim("a")
        ledger.release("a")

        assert ledger.claim("a") is BUSY

    def test_sent(self, ledger: Ledger, other: Ledger) -> None:
        """L-7: what was posted stays posted."""
        ledger.claim("a")
        ledger.mark("a")
        ledger.release("a")

        assert other.claim("a") is SENT

    def test_nothing(self, ledger: Ledger) -> None:
        """L-7: to give back what nobody has is no error."""
        ledger.release("a")

        assert ledger.claim("a") is MINE


def begin(ledger: Ledger, kind: str, run: str, about: dict[str, Any], seconds: float) -> str:
    """Note a run and open it."""
    assert ledger.note_run(kind, run, about)
    return ledger.open_run(kind, run, seconds)


class TestRuns:
    def test_none(self, ledger: Ledger) -> None:
        """A kind of which nothing was heard has no run: nothing is counted, nothing closed."""
        assert ledger.open_one("kind") == ""
        assert not ledger.count("kind", "first", ["m"])
        assert ledger.close_run("kind", "first") is None
        assert not ledger.count("kind", "first", ["m"])

    def test_the_first_wins(self, ledger: Ledger, other: Ledger) -> None:
        """Two that open a run at once learn which of theirs it is."""
        assert begin(ledger, "kind", "first", ABOUT, QUARTER) == "first"
        assert begin(other, "kind", "second", ABOUT, QUARTER) == "first"
        assert other.open_one("kind") == "first"
        assert not other.open_one("another kind")

    def test_opened_again(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """The same run, opened again by a retry, is the same: neither longer nor emptier."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        ledger.count("kind", "first", ["m"])
        shared.now += 60

        assert begin(other, "kind", "first", {"rule": "other"}, QUARTER) == "first"
        assert other.close_run("kind", "first") == (ABOUT, {"m"})
        shared.now += QUARTER - 59
        assert other.open_one("kind") == ""

    def test_its_time(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """A run is open until its time is over; then the next alert opens another."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        shared.now += QUARTER - 1
        assert other.open_one("kind") == "first"
        shared.now += 2
        assert other.open_one("kind") == ""

        assert begin(other, "kind", "second", ABOUT, QUARTER) == "second"
        assert ledger.open_one("kind") == "second"

    def test_counted_late(self, ledger: Ledger, shared: Shared) -> None:
        """What was under way when the time was over is counted as long as nobody closed it."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        shared.now += QUARTER + 5

        assert ledger.count("kind", "first", ["m"])
        assert ledger.close_run("kind", "first") == (ABOUT, {"m"})

    def test_each_once(self, ledger: Ledger, other: Ledger) -> None:
        """However often and with whatever else an alert is counted, it counts once."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        for who, members in ((ledger, "abc"), (other, "bcd"), (ledger, "abc"), (other, "aa")):
            assert who.count("kind", "first", list(members))

        assert other.close_run("kind", "first") == (ABOUT, set("abcd"))

    def test_closed(self, ledger: Ledger, other: Ledger) -> None:
        """What is closed takes nothing, so that the number that was told stays right."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        ledger.count("kind", "first", ["a"])
        closed = other.close_run("kind", "first")

        assert not ledger.count("kind", "first", ["b"])
        assert not ledger.count("kind", "first", ["a"])
        assert closed == ledger.close_run("kind", "first") == (ABOUT, {"a"})

    def test_closed_for_good(self, ledger: Ledger, other: Ledger, shared: Shared) -> None:
        """A run that is opened once more after its end stays closed: its number was told."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        ledger.close_run("kind", "first")
        shared.now += QUARTER + 1

        assert not other.note_run("kind", "first", ABOUT)
        assert not other.count("kind", "first", ["a"])
        assert other.close_run("kind", "first") == (ABOUT, set())

    def test_full(self, ledger: Ledger) -> None:
        """A run holds so many; then it takes no more, and keeps what it has."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        members = {f"{number:04} member" for number in range(FULL)}

        assert ledger.count("kind", "first", members)
        assert not ledger.count("kind", "first", ["one more"])
        assert ledger.close_run("kind", "first") == (ABOUT, members)

    def test_kinds_are_apart(self, ledger: Ledger) -> None:
        """Runs of two kinds have nothing in common, even if one alert's name opened both."""
        for kind in ("one", "two"):
            begin(ledger, kind, "first", {"kind": kind}, QUARTER)
            ledger.count(kind, "first", [kind])

        assert ledger.close_run("one", "first") == ({"kind": "one"}, {"one"})
        assert ledger.count("two", "first", ["more"])

    def test_apart_from_claims(self, ledger: Ledger) -> None:
        """That an alert opened a run does not say that it was posted, nor the other way."""
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        assert ledger.sent(["first", "kind"]) == set()
        assert ledger.claim("first") is MINE
        ledger.mark("first", {"ts": "1"})

        assert ledger.open_one("kind") == "first"
        assert ledger.receipt("first") == {"ts": "1"}


class TestTable:
    def test_items(self, stored: SharedTable) -> None:
        """The items are as the documentation says; entries go after fourteen days."""
        ledger = stored.claimant()
        ledger.claim("a")
        claimed = stored.item("a")
        ledger.mark("a", {"ts": "1"})
        ledger.mark_all(["b"])

        assert claimed.keys() == {"pk", "st", "lu", "ow", "ttl"}
        assert claimed["st"] == {"S": "CLAIMED"}
        assert float(claimed["lu"]["N"]) == stored.now + 45
        assert len(claimed["ow"]["S"]) >= 32
        for item in (claimed, stored.item("a"), stored.item("b")):
            assert int(item["ttl"]["N"]) == stored.now + timedelta(days=14).total_seconds()
        assert stored.item("a")["st"] == stored.item("b")["st"] == {"S": "SENT"}
        assert not {"lu", "ow"} & stored.item("a").keys()

    def test_the_items_of_a_run(self, stored: SharedTable) -> None:
        """What a run leaves behind goes after fourteen days too."""
        ledger = stored.claimant()
        begin(ledger, "kind", "first", ABOUT, QUARTER)
        ledger.count("kind", "first", ["m"])

        for key in ("run:kind", "run:kind:first"):
            days = 28 if key.endswith(":first") else 14
            assert int(stored.item(key)["ttl"]["N"]) == stored.now + days * 24 * 3600

    def test_claimants_differ(self, stored: SharedTable) -> None:
        """Each invocation is somebody else."""
        owners = set()
        for key in "abcd":
            stored.claimant().claim(key)
            owners.add(stored.item(key)["ow"]["S"])

        assert len(owners) == 4


KEY = st.sampled_from("ab")
WHO = st.integers(0, 1)
WAIT = st.tuples(st.just("wait"), st.sampled_from([1.0, LEASE, LEASE + 1, QUARTER + 1]))
CLAIMS = st.lists(
    WAIT
    | st.tuples(st.sampled_from(["claim", "release", "mark", "receipt"]), WHO, KEY)
    | st.tuples(st.sampled_from(["sent", "mark_all"]), WHO, st.lists(KEY, max_size=3)),
    max_size=20,
)
RUNS = st.lists(
    WAIT
    | st.tuples(st.just("note_run"), WHO, KEY, KEY, st.just({"rule": "r"}))
    | st.tuples(st.just("open_run"), WHO, KEY, KEY, st.just(QUARTER))
    | st.tuples(st.just("count"), WHO, KEY, KEY, st.lists(KEY, min_size=1, max_size=2))
    | st.tuples(st.just("open_one"), WHO, KEY)
    | st.tuples(st.just("close_run"), WHO, KEY, KEY),
    max_size=20,
)


@pytest.fixture(scope="module")
def amazon() -> Iterator[None]:
    with tables.aws():
        yield


def same_answers(acts: list[tuple[Any, ...]]) -> None:
    both = [kind() for kind in KINDS.values()]
    claimants = [[shared.claimant(), shared.claimant()] for shared in both]
    for name, who, *args in acts:
        if name == "wait":
            for shared in both:
                shared.now += who
            continue
        one, two = (getattr(of[who], name)(*args) for of in claimants)
        assert one == two, (name, who, args)


@given(acts=CLAIMS)
@settings(max_examples=draws(60))
def test_same_claims(amazon: None, acts: list[tuple[Any, ...]]) -> None:
    """Whatever two claimants do in turn, the memory answers as the table does."""
    same_answers(acts)


@given(acts=RUNS)
@settings(max_examples=draws(60))
@example(
    acts=[
        ("note_run", 0, "a", "a", ABOUT),
        ("note_run", 1, "a", "b", ABOUT),
        ("open_run", 0, "a", "a", QUARTER),
        ("open_run", 1, "a", "b", QUARTER),
        ("count", 1, "a", "b", ["m"]),
        ("close_run", 1, "a", "b"),
    ]
)
def test_same_runs(amazon: None, acts: list[tuple[Any, ...]]) -> None:
    """Nor do runs differ, that of one who came second included."""
    same_answers(acts)


KEYS = [f"{number:064}" for number in range(40)]


@pytest.mark.parametrize("copies", [4, 8])
def test_at_once(copies: int) -> None:
    """F-14: of several that claim the same alerts at the same time, one gets each."""
    with aws_server():
        table = tables.make()
        start = threading.Barrier(copies)

        def claim_all(_: int) -> list[tuple[str, Claim]]:
            ledger = DynamoLedger(Table(table.name))
            start.wait(timeout=30)
            return [(key, ledger.claim(key)) for key in KEYS]

        with ThreadPoolExecutor(copies) as pool:
            answers = [answer for of in pool.map(claim_all, range(copies)) for answer in of]

    assert Counter(key for key, claim in answers if claim is MINE) == dict.fromkeys(KEYS, 1)
    assert Counter(claim for _, claim in answers)[BUSY] == len(KEYS) * (copies - 1)


@pytest.mark.parametrize("copies", [4, 8])
def test_runs_at_once(copies: int) -> None:
    """Of several that open a run at once one does, and what all count is counted once."""
    with aws_server():
        table = tables.make()
        start = threading.Barrier(copies)

        def open_and_count(number: int) -> str:
            ledger = DynamoLedger(Table(table.name))
            start.wait(timeout=30)
            run = begin(ledger, "kind", f"run-{number}", ABOUT, QUARTER)
            for member in range(number, number + 10):
                assert ledger.count("kind", run, [f"member-{member}", "the same"])
            return run

        with ThreadPoolExecutor(copies) as pool:
            runs = set(pool.map(open_and_count, range(copies)))
        assert len(runs) == 1
        closed = DynamoLedger(Table(table.name)).close_run("kind", runs.pop())

    assert closed is not None
    assert closed[1] == {"the same", *(f"member-{number}" for number in range(copies + 9))}


class Broken:
    """A ledger that does the same whatever it is asked, and counts how often it was."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.asked = 0
        self._act = act

    def __getattr__(self, name: str) -> Callable[..., Any]:
        assert name in vars(Ledger), name

        def answer(*_: object, **__: object) -> Any:
            self.asked += 1
            return self._act()

        return answer


def down() -> Any:
    raise LedgerDown("put_item: ThrottlingException")


def late() -> Any:
    raise TimeUp


def hang() -> Any:
    threading.Event().wait(20)  # the deadline ends it


def book_of(ledger: object, seconds: float = 60) -> Book:
    return Book(ledger, lambda: seconds)  # type: ignore[arg-type]


ASKED: dict[str, tuple[Callable[[Book], Any], Any]] = {
    "claim": (lambda book: book.claim("a"), MINE),
    "release": (lambda book: book.release("a"), None),
    "mark": (lambda book: book.mark("a", ["a", "b"], {"ts": "1"}), None),
    "told": (lambda book: book.told(["a", "b"]), None),
    "was_sent": (lambda book: book.was_sent("a"), False),
    "all_sent": (lambda book: book.all_sent(["a", "b"]), False),
    "unsent": (lambda book: book.unsent(["a", "b"]), ["a", "b"]),
    "receipt": (lambda book: book.receipt("a"), {}),
}
"""What a book is asked, and the answer that posts."""


def test_asked_is_whole() -> None:
    """Each question that a book takes is in the table above."""
    public = {name for name, _ in inspect.getmembers(Book, inspect.isfunction) if name[0] != "_"}

    assert public == {*ASKED, "ask"}


class TestFailsOpen:
    @pytest.mark.parametrize("first", ASKED)
    @pytest.mark.parametrize("act", [down, late], ids=["down", "late"])
    def test_each_question(self, act: Callable[[], Any], first: str) -> None:
        """F-15: whatever fails first, the answer is the one that posts, to all that follows too;
        and the ledger is asked no more."""
        ledger = Broken(act)
        book = book_of(ledger)
        assert book.is_up

        for name in (first, *ASKED):
            question, posts = ASKED[name]
            assert question(book) == posts
        with pytest.raises(LedgerDown):
            book.ask(lambda ledger: ledger.open_one("kind"))

        assert (ledger.asked, book.is_up) == (1, False)
        assert book.down in ("put_item: ThrottlingException", "it does not answer in time")

    def test_up_again_in_the_next(self) -> None:
        """Down is down for one invocation; the next one asks again."""
        items: dict[str, dict[str, Any]] = {}
        book = book_of(Broken(down))
        book.claim("a")
        assert not book.is_up

        nxt = book_of(MemoryLedger(items))
        assert nxt.claim("a") is MINE
        nxt.mark("a", ["a"], None)
        assert book_of(MemoryLedger(items)).claim("a") is SENT

    def test_hangs(self) -> None:
        """A ledger that says nothing is cut off at a share of the time that is left."""
        ledger = Broken(hang)
        book = book_of(ledger, seconds=0.2)

        assert book.claim("a") is MINE
        assert book.claim("b") is MINE
        assert (book.down, ledger.asked) == ("it does not answer in time", 1)

    def test_no_time_left(self) -> None:
        """With no time left at all it is asked nevertheless, but not waited for."""
        book = book_of(Broken(hang), seconds=-1)

        assert book.claim("a") is MINE
        assert not book.is_up

    def test_none(self) -> None:
        """Without a ledger all is posted, and nothing is down."""
        book = book_of(None)

        for question, posts in ASKED.values():
            assert question(book) == posts
        with pytest.raises(LedgerDown, match="there is no ledger"):
            book.ask(lambda ledger: ledger.open_one("kind"))
        assert (book.is_up, book.down) == (False, "")

    def test_down_half_way(self) -> None:
        """A claim from before the ledger went down is no obstacle to the post."""
        items: dict[str, dict[str, Any]] = {}
        answers = iter([lambda: MemoryLedger(items).claim("a"), down])
        book = book_of(Broken(lambda: next(answers)()))
        assert book.claim("a") is MINE

        book.mark("a", ["a"], None)

        assert book.down
        assert book.claim("b") is MINE
        assert "b" not in items


def table_of(client: Any) -> Table:
    table = Table("trailbell")
    table._client = client
    return table


CODES = [
    ("AccessDeniedException", 400),
    ("ResourceNotFoundException", 400),
    ("ProvisionedThroughputExceededException", 400),
    ("ThrottlingException", 400),
    ("RequestLimitExceeded", 400),
    ("ExpiredTokenException", 400),
    ("ValidationException", 400),
    ("KMSAccessDeniedException", 400),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
]


@pytest.mark.parametrize(("code", "status"), CODES, ids=[code for code, _ in CODES])
@pytest.mark.parametrize(
    ("question", "operation"),
    [
        ("claim", "put_item"),
        ("release", "delete_item"),
        ("mark", "update_item"),
        ("told", "batch_write_item"),
        ("was_sent", "batch_get_item"),
        ("receipt", "get_item"),
    ],
)
def test_refused_by_aws(code: str, status: int, question: str, operation: str) -> None:
    """F-15: no error of DynamoDB keeps an alert from its post, and the log may tell which."""
    with tables.aws():
        client = boto3.client("dynamodb")
        with Stubber(client) as stub:
            stub.add_client_error(operation, code, "secret words", status)
            book = book_of(DynamoLedger(table_of(client)))
            ask, posts = ASKED[question]
            assert ask(book) == posts
            stub.assert_no_pending_responses()

    assert book.down == f"{operation}: {code}"


def test_no_table() -> None:
    """F-15: without the table all is posted."""
    with tables.aws():
        book = book_of(DynamoLedger(Table("nobody-made-it")))

        assert book.claim("a") is MINE
        assert book.down == "put_item: ResourceNotFoundException"


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-15: nor do settings of AWS that are missing keep an alert back."""
    with tables.aws():
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
        book = book_of(DynamoLedger(Table("trailbell")))

        assert book.claim("a") is MINE
        assert book.down


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-15: a table behind an address that refuses, or takes the call and says nothing."""
    with tables.aws(), socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        refused = book_of(DynamoLedger(Table("trailbell")))
        assert refused.claim("a") is MINE
        assert "EndpointConnectionError" in refused.down

        silent.listen()
        table = Table("trailbell")
        assert book_of(DynamoLedger(table), seconds=0.8).claim("a") is MINE


def unprocessed(operation: str, answer: dict[str, Any]) -> Book:
    client = boto3.client("dynamodb")
    stub = Stubber(client)
    stub.add_response(operation, answer)
    stub.activate()
    return book_of(DynamoLedger(table_of(client)))


def test_a_run_that_is_too_large() -> None:
    """DynamoDB takes 400 KB an item: a run of many long names is full, the ledger is not down."""
    with tables.aws():
        client = boto3.client("dynamodb")
        with Stubber(client) as stub:
            stub.add_client_error("update_item", "ValidationException", "Item size to update has")
            book = book_of(DynamoLedger(table_of(client)))

            assert not book.ask(lambda ledger: ledger.count("kind", "first", ["m"]))
    assert book.is_up


@pytest.mark.parametrize("write", [True, False])
def test_unprocessed(write: bool) -> None:
    """F-15: what a batch call leaves undone counts as down: it is neither sent nor unsent."""
    key = {"pk": {"S": "b"}}
    with tables.aws():
        if write:
            put = {"trailbell": [{"PutRequest": {"Item": key}}]}
            book = unprocessed("batch_write_item", {"UnprocessedItems": put})
            book.told(["a", "b"])
        else:
            left = {"trailbell": {"Keys": [key]}}
            book = unprocessed("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})
            assert book.unsent(["a", "b"]) == ["a", "b"]

    assert "throttled" in book.down


class TestBook:
    def test_all_sent(self, every: Callable[[], Shared]) -> None:
        """A group is done when each of its alerts was told, in whatever message."""
        ledger = every().claimant()
        book = book_of(ledger)
        keys = [f"key-{number}" for number in range(2 * AT_ONCE + 1)]
        ledger.mark_all(keys[:-1])

        assert book.all_sent(keys[:-1])
        assert not book.all_sent(keys)
        assert not book.all_sent([])
        assert book.unsent(["new", *keys]) == ["new", keys[-1]]

    def test_the_first_unsent_ends_the_search(self) -> None:
        """Of a storm that is new one look is enough."""
        ledger = Broken(set)

        assert not book_of(ledger).all_sent([f"key-{number}" for number in range(6_000)])
        assert ledger.asked == 1

    def test_mark(self, shared: Shared) -> None:
        """A group's message is marked, then each of its alerts; a single alert once."""
        ledger = shared.claimant()
        book = book_of(ledger)
        book.mark("group", ["a", "b"], {"ts": "1"})
        book.mark("c", ["c"], {"ts": "2"})

        assert ledger.sent(["group", "a", "b", "c"]) == {"group", "a", "b", "c"}
        assert (ledger.receipt("group"), ledger.receipt("c")) == ({"ts": "1"}, {"ts": "2"})

    def test_no_key(self) -> None:
        """A message without a name, such as a test message, is nobody's business."""
        ledger = Broken(down)
        book = book_of(ledger)

        assert book.claim("") is MINE
        book.mark("", (), None)
        assert ledger.asked == 0


ID = "6e4a2f0c-0000-4000-8000-000000000001"


def alert(rule: str = "access-key-created", **fields: Any) -> Alert:
    event = call("iam:CreateAccessKey", **{"eventID": ID, **fields})
    return Alert(rule, Severity.HIGH, say("{} did it", event.actor.name), event)


def own(rule: str, event: Event) -> Alert:
    title = say("Rule {} failed and was skipped for one event", rule)
    return Alert(RULE_ERROR, Severity.HIGH, title, event, own=True)


class TestKeys:
    @pytest.mark.parametrize(
        "change",
        [
            {"eventTime": "2026-03-18T00:00:00Z"},
            {"userAgent": "x", "by": "mallory"},
            {"eventName": "DeleteAccessKey"},
        ],
        ids=str,
    )
    def test_copies(self, change: dict[str, Any]) -> None:
        """Two trails bring one event twice: its id, account and rule say that it is the same."""
        assert alert_key(alert(**change), "slack") == alert_key(alert(), "slack")

    def test_the_log_event_does_not_matter(self) -> None:
        """Nor how CloudWatch Logs wrote it down."""
        one, two = (Event(alert().event.raw, message=text) for text in ("{}", "{ }"))
        keys = {alert_key(Alert("r", Severity.LOW, say("x"), it), "slack") for it in (one, two)}

        assert len(keys) == 1

    def test_what_matters(self) -> None:
        """Account, id, rule and channel each make it another one."""
        all_of_them = [
            alert_key(alert(), "slack"),
            alert_key(alert(), "slack-2"),
            alert_key(alert("root-activity"), "slack"),
            alert_key(alert(eventID=f"{ID}-2"), "slack"),
            alert_key(alert(recipientAccountId="444455556666"), "slack"),
        ]

        assert len(set(all_of_them)) == len(all_of_them)
        assert all(len(key) == 64 for key in all_of_them)

    @pytest.mark.parametrize("missing", ["", None, 5, ["x"]], ids=repr)
    def test_without_an_id(self, missing: object) -> None:
        """Where there is no id the text of the message stands in, and without that the record."""
        raws = [alert(eventID=missing, userAgent=agent).event.raw for agent in "ab"]
        with_text = [Event(raw, message=json.dumps(raw)) for raw in raws]
        for events in (with_text, list(map(Event, raws))):
            keys = [
                alert_key(Alert("r", Severity.LOW, say("x"), event), "slack")
                for event in (*events, *events)
            ]
            assert keys[:2] == keys[2:]
            assert keys[0] != keys[1]

    def test_unreadable(self) -> None:
        """Two texts that hold no record are two alerts, and each the same when it comes again."""
        keys = [alert_key(unreadable(Event({}, message=text)), "slack") for text in "aba"]

        assert keys[0] == keys[2] != keys[1]

    def test_two_rules_fail(self) -> None:
        """Two rules that fail on one event are two alerts."""
        event = alert().event

        assert alert_key(own("a", event), "slack") != alert_key(own("b", event), "slack")
        assert alert_key(own("a", event), "slack") == alert_key(own("a", event), "slack")

    def test_words_do_not_matter(self) -> None:
        """The words of a rule may change with a release: the alert was told all the same."""
        event = alert().event
        one, two = (Alert("r", Severity.LOW, say(words), event) for words in ("now", "then"))

        assert alert_key(one, "slack") == alert_key(two, "slack")

    def test_parts_do_not_run_together(self) -> None:
        """What ends in one field and begins the next makes another key."""
        one = alert(recipientAccountId="1\n2", eventID="3")
        two = alert(recipientAccountId="1", eventID="2\n3")

        assert alert_key(one, "slack") != alert_key(two, "slack")

    def test_half_a_character(self) -> None:
        """An id that no encoding takes is an id."""
        assert alert_key(alert(eventID="\ud800"), "slack") != alert_key(alert(), "slack")

    @given(st.lists(st.text("0123456789abcdef", min_size=4), min_size=2, unique=True), st.data())
    def test_any_order(self, keys: list[str], data: st.DataObject) -> None:
        """A group's name does not depend on the order of its alerts, but on each of them."""
        shuffled = data.draw(st.permutations(keys))

        assert post_key("slack", keys) == post_key("slack", shuffled)
        assert post_key("slack", keys) != post_key("telegram", keys)
        assert post_key("slack", keys) != post_key("slack", keys[:-1])
        assert post_key("slack", keys) not in keys

    def test_one_alert(self) -> None:
        """A single alert's message has the alert's name: alone or not, it is told once."""
        assert post_key("slack", ("key",)) == "key"

    def test_kinds(self) -> None:
        """Runs are of one channel, rule, actor and account; session, id and time do not matter."""
        kind = kind_key(alert(by=role("deploy", "one")), "slack")
        others = [
            kind_key(alert(by=role("deploy", "one")), "telegram"),
            kind_key(alert("root-activity", by=role("deploy", "one")), "slack"),
            kind_key(alert(by=role("admin", "one")), "slack"),
            kind_key(alert(by=person("alice@example.com")), "slack"),
            kind_key(alert(by=role("deploy", "one"), recipientAccountId="444455556666"), "slack"),
        ]

        assert kind == kind_key(alert(by=role("deploy", "one"), eventID="x"), "slack")
        assert len({kind, *others}) == 6

    def test_kind_of_a_user(self) -> None:
        """Two users of one name in two accounts are two."""
        one, two = (alert(by=user("alice", account=it)) for it in ("111122223333", "444455556666"))

        assert kind_key(one, "slack") != kind_key(two, "slack")
