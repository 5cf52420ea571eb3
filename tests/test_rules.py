"""Each rule carries its own examples; this file runs them. A new rule needs no new test."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import compact
from trailbell import rules
from trailbell.engine import OWN, Engine
from trailbell.errors import ConfigError
from trailbell.model import Alert, Event, Line, Severity, Text, action_name, say
from trailbell.rules.base import Quiet, Rings, Rule, add, did, find, listed, severity_named
from trailbell.rules.presets import CATCH_ALL, PRESETS, choose
from trailbell.state.memory import MemoryState
from trailbell.testing import call, role

FOUND = find(rules)
RULES = [rule for _, rule in sorted(FOUND.items())]


def remembering(rule: type[Rule]) -> Rule:
    """The rule with its defaults, and a memory of its own if it needs one."""
    made = rule()
    if rule.needs_state:
        made.state = MemoryState()
    return made


EXAMPLES = [(remembering(rule), example) for rule in RULES for example in rule.examples()]
WRONG: tuple[Any, ...] = (7, 0, True, False, "", "x", "true", [], [None], ["a"], {}, {"a": 1})

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
each_example = pytest.mark.parametrize(
    ("rule", "example"),
    EXAMPLES,
    ids=[f"{rule.id}: {example.name}" for rule, example in EXAMPLES],
)


def alerts(rule: Rule, example: Rings | Quiet) -> list[Alert]:
    """What the engine has to tell of an example, which may need something to go before."""
    engine = Engine([rule], MemoryState())
    engine.alerts(example.before)
    return engine.alerts([example.event])


@each_example
def test_example(rule: Rule, example: Rings | Quiet) -> None:
    """A rule says of each of its examples what the example says that it will."""
    found = alerts(rule, example)

    if isinstance(example, Quiet):
        assert found == []
    else:
        (alert,) = found
        assert (alert.rule, str(alert.title)) == (rule.id, example.title)
        assert example.severity in (None, alert.severity)


@each_example
def test_example_is_seen(rule: Rule, example: Rings | Quiet) -> None:
    """An example's event is one that the engine would hand to the rule at all."""
    if not isinstance(example, Rings):
        return
    if rule.actions or rule.identities:
        event = example.event
        assert event.action in rule.actions or event.identity in rule.identities
    else:
        assert rule.may_want(compact(example.event.raw))


@each_example
def test_example_is_safe_and_whole(rule: Rule, example: Rings | Quiet) -> None:
    """Examples show no real account, address or domain, and are JSON as CloudTrail writes it."""
    text = compact(example.event.raw)

    assert "..." not in text
    assert "amazonaws.com" in text or example.event.source == ""


@each_rule
def test_both_sides_are_shown(rule: type[Rule]) -> None:
    """A rule shows when it rings and when it stays quiet, and each example has its own name."""
    examples = list(rule.examples())

    assert {type(example) for example in examples} == {Rings, Quiet}
    assert len({example.name for example in examples}) == len(examples)
    assert any(isinstance(example, Rings) and example.severity for example in examples)


@each_rule
def test_file_is_named_after_the_rule(rule: type[Rule]) -> None:
    """A reader with an alert's id in hand opens the file without a search."""
    file = rule.__module__.rpartition(".")[2]

    assert file.replace("_", "-") == rule.id
    assert rule.__name__ == "".join(part.capitalize() for part in rule.id.split("-"))
    assert rule.group() in rule.__module__.replace("_", "-")


@each_rule
def test_docstring(rule: type[Rule]) -> None:
    """The docstring is the rule's page: a sentence, why it matters, and what to check first."""
    summary, *rest = (rule.__doc__ or "").strip().split("\n\n")

    assert summary.endswith(".") and "\n" not in summary
    assert rule.summary() == summary
    assert len(rest) >= 2


@each_rule
def test_description(rule: type[Rule]) -> None:
    """What the documentation prints of a rule is there and looks like what it is."""
    assert rule.attack.startswith("T1")
    assert rule.references and all(link.startswith("https://") for link in rule.references)
    assert rule.since
    assert all(":" in action and action_name(action) == action for action in rule.actions)
    assert len(set(rule.actions)) == len(rule.actions)
    assert not (rule.actions and rule.gate), "a gate is for rules without actions"
    assert "\n" not in rule.check_first and "\n" not in rule.many


@each_rule
def test_check_first(rule: type[Rule]) -> None:
    """A rule that can be high or critical says what to do first."""
    rings = [alert for example in rule.examples() for alert in alerts(rule(), example)]
    worst = max(rule.severity, *(alert.severity for alert in rings))

    assert rule.check_first or worst < Severity.HIGH


@each_rule
def test_tunables_have_a_word(rule: type[Rule]) -> None:
    """Each tunable has a default that its own type takes."""
    assert rule.tuned(rule().tunables()).tunables() == rule().tunables()


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a record."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        yield (*path, key)
        yield from paths(below, (*path, key))


def mutants(record: dict[str, Any], values: Iterator[Any], known: Counter[Any]) -> Iterator[object]:
    """Make the record one with each of its places removed, null or of another type, in turn.

    It is changed in place, since copies would take most of the time. Of the wrong values each
    place gets the next few, fewer where many examples have it; elements of a list are one place.

    :param known: how often a place was met in the examples of the rule.
    """
    for *above, last in list(paths(record)):
        place = tuple("#" if isinstance(key, int) else key for key in (*above, last))
        known[place] += 1
        if known[place] > 40:
            continue
        holder: Any = record
        for key in above:
            holder = holder[key]
        whole = holder.copy()
        for value in (None, *islice(values, 3 if known[place] <= 5 else 1)):
            holder[last] = value
            yield (*place, value)
        del holder[last]
        yield (*place, "removed")
        holder.clear()
        holder.extend(whole) if isinstance(holder, list) else holder.update(whole)


def judge(rule: Rule, event: Event) -> None:
    """All that the engine asks of a rule; the answers have the promised types."""
    named = event.action in rule.actions or event.identity in rule.identities
    if (rule.actions or rule.identities) and not named:
        return
    rings = rule.rings(event)
    assert rings in (True, False)
    if rings:
        assert isinstance(rule.rank(event), Severity)
        assert isinstance(rule.title(event), Text)
        assert all(isinstance(line, Line) for line in rule.details(event))
        assert all(isinstance(line.text, Text) for line in rule.details(event))
        assert all(isinstance(command, str) for command in rule.first_aid(event))


@each_rule
def test_mutants(rule: type[Rule]) -> None:
    """No example with a field missing, null or of another type makes the rule raise."""
    values, known = cycle(WRONG), Counter[Any]()
    for example in rule.examples():
        tried = remembering(rule)
        for event in example.before:
            judge(tried, event)
        record = deepcopy(example.event.raw)
        for what in mutants(record, values, known):
            try:
                judge(tried, Event(record))
            except Exception as error:
                raise AssertionError(f"{example.name}: {what}: {error!r}") from error
        assert record == example.event.raw


@given(st.sampled_from(EXAMPLES), st.sampled_from(EXAMPLES), st.data())
def test_examples_of_others(
    one: tuple[Rule, Rings | Quiet], other: tuple[Rule, Rings | Quiet], data: st.DataObject
) -> None:
    """A record in which fields of two others are mixed makes no rule raise."""
    record = dict(one[1].event.raw)
    for field in data.draw(st.lists(st.sampled_from(sorted(record)), max_size=5, unique=True)):
        record[field] = other[1].event.raw.get(field)
    for rule in (one[0], other[0]):
        judge(rule, Event(record))


def test_values_are_values() -> None:
    """A name that comes from the event stands in no rule's own words."""
    for rule, example in EXAMPLES:
        if isinstance(example, Rings):
            before = tuple(Event(spike(event.raw)) for event in example.before)
            event = Event(spike(example.event.raw))
            for alert in alerts(rule, Quiet(example.name, event, before)):
                for text in (alert.title, *(line.text for line in alert.details)):
                    assert "\N{FIRE}" not in "".join(text.words), (rule.id, example.name)
                for line in alert.details:
                    assert "\N{FIRE}" not in line.label


KEPT = {"eventName", "eventSource", "eventType", "type", "errorCode", "eventTime", "errorMessage"}


def spike(value: Any) -> Any:
    """The record with a mark behind each text that rules only repeat."""
    if isinstance(value, dict):
        return {key: of if key in KEPT else spike(of) for key, of in value.items()}
    if isinstance(value, list):
        return [spike(of) for of in value]
    return f"{value}\N{FIRE}" if isinstance(value, str) and len(value) > 3 else value


@each_rule
def test_a_setting_that_is_none(rule: type[Rule]) -> None:
    """A setting that the rule does not have is refused by name, with the nearest right one."""
    near = [*rule.hints(), "severity"][0]

    with pytest.raises(ConfigError) as caught:
        rule.tuned({f"{near}x": 1})

    assert f"RULES['{rule.id}']['{near}x'] is no setting of that rule" in str(caught.value)
    assert f"did you mean '{near}'?" in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "name"),
    [pytest.param(rule, name, id=f"{rule.id}-{name}") for rule in RULES for name in rule.hints()],
)
def test_a_setting_of_the_wrong_type(rule: type[Rule], name: str) -> None:
    """A tunable of the wrong type is refused by name, and its value is not repeated."""
    with pytest.raises(ConfigError) as caught:
        rule.tuned({name: {"s3cret": object()}})

    assert f"RULES['{rule.id}']['{name}']: " in str(caught.value)
    assert "s3cret" not in str(caught.value)


@each_rule
def test_a_severity_that_is_none(rule: type[Rule]) -> None:
    """A severity is one of the five."""
    with pytest.raises(ConfigError, match=rf"RULES\['{rule.id}'\]\['severity'\] must be one of"):
        rule.tuned({"severity": "urgent"})


@each_rule
def test_a_severity_that_a_user_fixed(rule: type[Rule]) -> None:
    """A severity from the settings holds for every alert of the rule, refused calls included."""
    tuned = rule.tuned({"severity": "Info"})

    for example in rule.examples():
        if isinstance(example, Rings):
            assert tuned.rank(example.event) is Severity.INFO
    assert rule().fixed_severity is None


def test_tuning_one_rule_leaves_the_others() -> None:
    """A user's setting replaces the default in that rule alone."""
    rule = FOUND["access-key-created"]

    tuned = rule.tuned({"allow_users": ["backup"]})

    assert tuned.tunables()["allow_users"] == ("backup",)
    assert rule().tunables()["allow_users"] == ()


class Plain(Rule):
    """Rings for all that the class lets through."""

    id = "test-plain"
    severity = Severity.HIGH

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        return did(event, "made", "make", "a call")


GOOD = call("iam:CreateUser")
REFUSED = call("iam:CreateUser", error="AccessDenied")
FAILED = call("iam:CreateUser", error="EntityAlreadyExists")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ignore", ["high", "", ""]),
        ("only-failed", ["", "high", "high"]),
        ("report-lower", ["high", "medium", "medium"]),
        ("denied-lower", ["high", "medium", ""]),
        ("report-same", ["high", "high", "high"]),
    ],
)
def test_failed_calls(policy: str, expected: list[str]) -> None:
    """What becomes of calls that succeeded, were refused, or failed otherwise."""
    rule = type("Plain", (Plain,), {"failed_calls": policy})()

    events = (GOOD, REFUSED, FAILED)
    assert [str(rule.rank(e)) if rule.rings(e) else "" for e in events] == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("keep", [True, True, True]),
        ("drop-aws", [True, True, False]),
        ("drop-automation", [True, False, False]),
    ],
)
def test_service_calls(policy: str, expected: list[bool]) -> None:
    """What becomes of calls by a user, by AWS for a user, and by AWS for itself."""
    rule = type("Plain", (Plain,), {"service_calls": policy})()
    linked = role("AWSServiceRoleForX", "s", path="/aws-service-role/x.amazonaws.com/")
    through = call("iam:CreateUser", sourceIPAddress="cloudformation.amazonaws.com")

    events = [GOOD, through, call("iam:CreateUser", by=linked)]

    assert [rule.rings(event) for event in events] == expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (GOOD, "alice made a call"),
        (REFUSED, "alice tried to make a call and was refused"),
        (FAILED, "alice tried to make a call but the call failed"),
    ],
)
def test_did(event: Event, expected: str) -> None:
    """The sentence says how the call ended."""
    assert str(Plain().title(event)) == expected


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("alice", ["alice"], True),
        ("alice", ["al*"], True),
        ("alice", ["b*", "?lice"], True),
        ("Alice", ["alice"], False),
        ("alice", [], False),
        ("", ["*"], True),
    ],
)
def test_listed(name: str, patterns: list[str], expected: bool) -> None:
    """Lists hold globs and heed case."""
    assert listed(name, patterns) is expected


@pytest.mark.parametrize("value", [None, "", "urgent", 4, True, [], Severity])
def test_what_is_no_severity(value: object) -> None:
    """A severity is named by its word, and the error names the setting."""
    with pytest.raises(ConfigError, match=r"^here must be one of info, low, medium"):
        severity_named(value, "here")


@pytest.mark.parametrize("value", ["high", "HIGH", "High", Severity.HIGH])
def test_severity_named(value: object) -> None:
    """In any case of its letters."""
    assert severity_named(value, "here") is Severity.HIGH


@pytest.mark.parametrize("rule_id", ["Access-Key", "access", "access_key", "access--key", "", "a-"])
def test_an_id_that_is_none(rule_id: str) -> None:
    """A user's rule with an id that no setting could name is refused when it is defined."""
    with pytest.raises(ConfigError, match="rule Mine: the id must look like"):
        type("Mine", (Plain,), {"id": rule_id})


def test_a_rule_without_a_severity() -> None:
    """A user's rule may say its severity as a word, but must say it."""
    mine: type[Rule] = type("Mine", (Plain,), {"id": "my-rule", "severity": "low"})

    assert mine.severity is Severity.LOW
    with pytest.raises(ConfigError, match="rule my-rule: severity must be one of"):
        type("Mine", (Plain,), {"id": "my-rule", "severity": "urgent"})


def test_the_same_id_twice() -> None:
    """Two rules of one id could not be told apart in the settings."""
    mine: type[Rule] = type("Mine", (Plain,), {"id": "access-key-created"})

    with pytest.raises(ConfigError, match=r"access-key-created is used twice.*Mine"):
        add(dict(FOUND), mine)


PACKAGE = {
    "__init__.py": "",
    "base.py": "from trailbell.rules.base import Rule\n",
    "group/__init__.py": "",
    "group/my_rule.py": """
from trailbell.rules.base import Rule
class Half(Rule):
    abstract = True
class MyRule(Rule):
    id, severity = "my-rule", "low"
    def match(self, event): return True
    def title(self, event): return "x"
""",
    "group/other_rule.py": """
from trailbell.rules.base import Rule
from some_rules.group.my_rule import MyRule
class OtherRule(MyRule):
    id = "other-rule"
""",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of rules, as files that a test may add to before it imports them."""
    folder = tmp_path / "some_rules"
    for name, text in PACKAGE.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_rules"]:
        del sys.modules[name]


def imported() -> ModuleType:
    return import_module("some_rules")


def test_dropping_a_file_in(package: Path) -> None:
    """Each rule of a package is found where it is defined, and nothing else is."""
    assert set(find(imported())) == {"my-rule", "other-rule"}


@pytest.mark.parametrize("text", ["import nothing_like_it", "1 / 0", "def broken("])
def test_a_file_that_does_not_import(package: Path, text: str) -> None:
    """A rule that does not import stops the build; it is not left out."""
    (package / "group" / "broken.py").write_text(text)

    with pytest.raises((ImportError, ZeroDivisionError, SyntaxError)):
        find(imported())


def test_shipped_rules() -> None:
    """The rules of the catalogue's first half are all there, and none has an own alert's name."""
    assert set(FOUND) >= {
        "iam-user-activity", "off-hours-activity", "root-console-login",
        "root-console-login-failed", "root-activity", "root-credential-changed",
        "access-key-created", "access-key-updated", "iam-user-created", "admin-policy-attached",
        "dangerous-inline-policy", "role-trust-external", "mfa-removed",
        "console-login-without-mfa", "console-login-failed", "cloudtrail-stopped",
    }  # fmt: skip
    assert not set(FOUND) & set(OWN)
    assert [rule.id for rule in RULES if rule.gives_way] == [CATCH_ALL]


def running(preset: str = "standard", overrides: Any = None, **more: Any) -> set[str]:
    custom = more.pop("custom", [])
    chosen = choose(FOUND, custom, preset, overrides or {}, "UTC", **more)
    return {rule.id for rule, runs in chosen.items() if runs}


DEFAULT = {rule.id for rule in RULES if rule.on_by_default}


class TestChoose:
    mine: ClassVar[type[Rule]] = type("Mine", (Plain,), {"id": "my-rule", "on_by_default": False})

    @pytest.mark.parametrize(
        ("preset", "expected"),
        [
            ("standard", DEFAULT),
            ("security", DEFAULT - {CATCH_ALL}),
            ("iam-user", {CATCH_ALL}),
            ("compliance", DEFAULT | {rule.id for rule in RULES if rule.cis}),
        ],
    )
    def test_presets(self, preset: str, expected: set[str]) -> None:
        """A preset says which rules run where the settings say nothing."""
        assert running(preset) == expected
        assert preset in PRESETS

    def test_overrides(self) -> None:
        """RULES switches single rules on and off, whatever the preset."""
        off, on = "root-activity", "off-hours-activity"

        overrides = {off: {"enabled": False}, on: {"enabled": True}}

        assert running("standard", overrides) == DEFAULT - {off} | {on}

    def test_custom_rules_run(self) -> None:
        """A user's rule runs, unless RULES says otherwise."""
        assert "my-rule" in running(custom=[self.mine])
        assert "my-rule" in running("iam-user", custom=[self.mine])
        off = {"my-rule": {"enabled": False}}
        assert "my-rule" not in running(overrides=off, custom=[self.mine])

    def test_everything(self) -> None:
        """--all-rules runs all of them, those that are switched off included."""
        off = {"root-activity": {"enabled": False}}

        assert running(overrides=off, everything=True) == set(FOUND)

    def test_only(self) -> None:
        """--rules runs the named and no others, catch-all and preset or not."""
        assert running("iam-user", only=["root-activity"]) == {"root-activity"}
        off = {"root-activity": {"enabled": False}}
        assert running(overrides=off, only=["root-activity"]) == {"root-activity"}

    @pytest.mark.parametrize(
        ("settings", "more", "says"),
        [
            ({}, {"only": ["root-activty"]}, "'root-activty' is no rule; did you mean"),
            ({"root-activity": {"enabled": "no"}}, {}, r"\['enabled'\] must be true or false"),
            ({"root-activity": {"enabled": 0}}, {}, r"\['enabled'\] must be true or false"),
            ({"root-activity": {"enable": True}}, {}, r"\['enable'\] is no setting.*'enabled'"),
            ({}, {"custom": [FOUND["root-activity"]]}, "root-activity is used twice"),
        ],
    )
    def test_wrong_settings(self, settings: Any, more: Any, says: str) -> None:
        """What is wrong in RULES is named."""
        with pytest.raises(ConfigError, match=says):
            running(overrides=settings, **more)

    def test_the_zone(self) -> None:
        """Rules that look at the clock use the user's zone, unless they have their own."""
        own = {"off-hours-activity": {"timezone": "Asia/Tokyo"}}
        zones = []
        for overrides in ({}, own):
            chosen = choose(FOUND, [], "standard", overrides, "Europe/Berlin")
            (rule,) = [rule for rule in chosen if rule.id == "off-hours-activity"]
            zones.append(rule.tunables()["timezone"])

        assert zones == ["Europe/Berlin", "Asia/Tokyo"]

    def test_settings_are_not_changed(self) -> None:
        """The user's settings are read, and stand as they were."""
        overrides = {"root-activity": {"enabled": False}}

        running(overrides=overrides)

        assert overrides == {"root-activity": {"enabled": False}}


def test_a_text_is_wanted_for_a_title() -> None:
    """The examples' titles are whole sentences: the first letter is a name's or a capital."""
    for rule, example in EXAMPLES:
        for alert in alerts(rule, example):
            title = alert.title
            assert not title.words[0] or title.words[0][0].isupper(), example.name
            assert title != say(""), example.name


A_CLASS: dict[str, Any] = {
    "id": "my-rule",
    "severity": Severity.LOW,
    "match": lambda self, event: True,
    "title": lambda self, event: say("x"),
}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"actions": "s3:DeleteBucket"}, "actions must be a tuple"),
        ({"actions": ("DeleteBucket",)}, "'DeleteBucket' must look like 'iam:CreateAccessKey'"),
        ({"actions": ("s3:Delete*",)}, "must look like"),
        ({"actions": ("S3:DeleteBucket",)}, "must look like"),
        ({"actions": ("s3.amazonaws.com:DeleteBucket",)}, "must look like"),
        ({"actions": (5,)}, "5 is no text"),
        ({"identities": "Root"}, "identities must be a tuple"),
        ({"failed_calls": "ignored"}, "failed_calls must be one of ignore, "),
        ({"service_calls": "drop"}, "service_calls must be one of keep, "),
        ({"severity": "urgent"}, "severity must be one of info, "),
        ({"id": "Bucket"}, "must look like 'access-key-created'"),
    ],
)
def test_a_class_that_could_never_ring(fields: dict[str, Any], words: str) -> None:
    """A slip in a rule's class is refused by name, not met with silence."""
    with pytest.raises(ConfigError) as caught:
        type("MyRule", (Rule,), A_CLASS | fields)

    assert words in str(caught.value)


def test_an_action_as_cloudtrail_shows_it() -> None:
    """The version that CloudTrail puts behind some names is left out, as Event.action does."""
    rule = type("MyRule", (Rule,), A_CLASS | {"actions": ["lambda:UpdateFunctionCode20150331v2"]})

    assert vars(rule)["actions"] == ("lambda:UpdateFunctionCode",)
