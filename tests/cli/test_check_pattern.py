"""`trailbell check --pattern`: which rules a subscription filter hides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cli.conftest import Run
from trailbell import rules
from trailbell.examples import Hidden, hidden
from trailbell.model import Event, Severity, Text, say
from trailbell.pattern import Pattern
from trailbell.rules.base import Quiet, Rings, Rule, find
from trailbell.testing import call, root

NOTHING = '{ $.eventName = "Nothing" }'


def asked(run: Run, pattern: str) -> tuple[int, dict[str, tuple[str, str]]]:
    ran = run("check", "--pattern", pattern, "--format", "json")
    found = {}
    for line in map(json.loads, ran.out.splitlines()):
        assert list(line) == ["rule", "hidden", "example"]
        found[line["rule"]] = (line["hidden"], line["example"])
    return ran.code, found


@pytest.mark.parametrize("pattern", ["all-but-reads", ""])
@pytest.mark.parametrize("form", ["text", "json"])
def test_hides_nothing(run: Run, pattern: str, form: str) -> None:
    """The default preset, and no pattern at all, hide none of the rules that are on by default."""
    ran = run("check", "--pattern", pattern, "--format", form)

    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "0 of 50 rules hidden, wholly or in part.\n"


def test_hides_everything(run: Run) -> None:
    """Behind a filter that nothing passes each rule that runs is hidden wholly, and no other."""
    code, found = asked(run, NOTHING)

    assert code == 1
    assert {how for how, _ in found.values()} == {"wholly"}
    assert found.keys() == {rule.id for rule in find(rules).values() if rule.on_by_default}


def test_hides_a_part(run: Run) -> None:
    """A rule of which some examples pass is hidden partly, with the name of one that does not."""
    code, found = asked(run, "iam-user")

    assert code == 1
    assert found["root-console-login"] == ("wholly", "with MFA")
    assert found["mfa-removed"][0] == "partly"
    names = [e.name for e in find(rules)["mfa-removed"].examples() if isinstance(e, Rings)]
    assert found["mfa-removed"][1] in names
    assert "password-policy-weakened" not in found


def test_only_rules_that_run(run: Run) -> None:
    """A rule that the settings switch off is not told of; one that they switch on is."""
    Path("configs.py").write_text(
        "RULES = {'root-console-login': {'enabled': False}, 'read-burst': {'enabled': True}}"
    )

    _, found = asked(run, "iam-user")

    assert "root-console-login" not in found
    assert "read-burst" in found


def test_text(run: Run) -> None:
    """A line for a person names how, the rule and the example."""
    ran = run("check", "--pattern", "iam-user")

    assert ran.code == 1
    (line,) = [line for line in ran.out.splitlines() if " root-console-login " in line]
    assert line.split(maxsplit=2) == ["wholly", "root-console-login", "with MFA"]
    assert ran.err.endswith("of 50 rules hidden, wholly or in part.\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--pattern", "{ $.a = }"], "character 9: expected a number"),
        (["--pattern", "iam-users"], "did you mean 'iam-user'?"),
        (["--pattern", "iam-user", "--post"], "--pattern goes without --post"),
        (["--pattern", "iam-user", "--config", "missing.py"], "missing.py"),
    ],
)
def test_bad_input(run: Run, args: list[str], words: str) -> None:
    """What cannot be asked is one line on stderr, with exit code 2."""
    ran = run("check", *args)

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert words in ran.err


class Three(Rule):
    """The third call of somebody."""

    id = "three-calls"
    severity = Severity.LOW
    actions = ("s3:DeleteBucket", "s3:ListBuckets")
    needs_state = True

    def match(self, event: Event) -> bool:
        assert event.time
        return len(self.state.add("three", event.id, event.time, timedelta(hours=1))) >= 3

    def title(self, event: Event) -> Text:
        return say("three calls")

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        reads = tuple(call("s3:ListBuckets", eventID=f"read-{n}") for n in range(2))
        writes = tuple(call("s3:DeleteBucket", eventID=f"write-{n}") for n in range(2))
        last = call("s3:DeleteBucket", eventID="last")
        yield Rings("after reads", last, "three calls", before=reads)
        yield Rings("after both", last, "three calls", before=reads + writes)
        read = call("s3:ListBuckets", eventID="last")
        yield Rings("a read", read, "three calls", before=writes)
        yield Quiet("alone", last)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", None),
        # The reads are lost, but the writes are enough where there are writes.
        ('{ $.eventName = "Delete*" }', Hidden(False, "after reads")),
        ('{ $.eventID != "write*" }', Hidden(False, "a read")),
        ('{ $.eventID != "read*" }', Hidden(False, "after reads")),
        ('{ $.eventID != "last" && $.eventName = "Delete*" }', Hidden(True, "after reads")),
        (NOTHING, Hidden(True, "after reads")),
    ],
)
def test_what_came_before(pattern: str, expected: Hidden | None) -> None:
    """An example with events before it is hidden when what passes of them is not enough."""
    assert hidden(Three(), Pattern(pattern).matches) == expected


class Nameless(Three):
    """Rings for a record without a name too."""

    id = "nameless-calls"
    needs_state = False

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings("named", call("s3:DeleteBucket", by=root()), "x")
        yield Rings("nameless", Event({"userIdentity": root()}), "x")


def test_a_record_without_a_name() -> None:
    """CloudTrail names every event: an example without a name says nothing of a filter."""
    assert hidden(Nameless(), Pattern('{ $.eventName != "Get*" }').matches) is None
    assert hidden(Nameless(), Pattern(NOTHING).matches) == Hidden(True, "named")


class Hasty(Three):
    """Fails where nothing was before."""

    id = "hasty-calls"

    def match(self, event: Event) -> bool:
        if not super().match(event) and event.id == "last":
            raise ValueError("nothing was before")
        return super().match(event)


def test_a_rule_that_fails() -> None:
    """A rule that fails for what did not come through does not ring."""
    lost = hidden(Hasty(), Pattern('{ $.eventID != "read*" }').matches)

    assert lost == Hidden(False, "after reads")


def test_a_rule_without_examples() -> None:
    """Of a rule without examples nothing can be said."""

    class Silent(Three):
        id = "silent-calls"

        @staticmethod
        def examples() -> Iterator[Rings | Quiet]:
            yield from ()

    assert hidden(Silent(), Pattern(NOTHING).matches) is None
