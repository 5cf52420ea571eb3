"""Events x rules -> alerts.

Rules with actions or identities stand in dicts and cost nothing until one occurs; rules for any
event stand behind a gate, a text that each record which they may want contains.
"""

from __future__ import annotations

from collections.abc import Iterable
from traceback import extract_tb

from trailbell.model import Alert, Event, Line, Severity, Text, action_name, say
from trailbell.rules.base import Rule, severity_named
from trailbell.state.base import State

UNREADABLE = "unreadable-record"
RULE_ERROR = "rule-error"
OWN = {
    UNREADABLE: (Severity.MEDIUM, "A CloudTrail record could not be read."),
    RULE_ERROR: (Severity.HIGH, "A rule failed and was skipped for one event."),
}
"""The alerts that trailbell raises about itself; no rule may take their ids."""
SHOWN = 300  # characters of an unreadable record

# How CloudTrail begins a record: {"eventVersion":"1.11","userIdentity":{"type":"Root",
HEAD = '{"eventVersion":"1.'
IDENTITY = '","userIdentity":{"type":"'
EVENT_NAME = '"eventName"'
REGION = '","awsRegion":"'


class Engine:
    """The rules, indexed."""

    def __init__(
        self, rules: Iterable[Rule], state: State | None = None, own_role: str = ""
    ) -> None:
        """
        :param state: the memory; without one the rules that need it are off.
        :param own_role: the ARN of the function's role, which some rules do not watch.
        """
        self._own_role = own_role
        self.rules = tuple(rule for rule in rules if state or not rule.needs_state)
        for rule in self.rules:
            if state and rule.needs_state:
                rule.state = state
        self._by_action: dict[str, tuple[Rule, ...]] = {}
        self._by_identity: dict[str, tuple[Rule, ...]] = {}
        others = [rule for rule in self.rules if not rule.actions and not rule.identities]
        self._others = tuple((rule, rule.glance) for rule in others)
        for rule in self.rules:
            for action in rule.actions:
                self._by_action[action] = (*self._by_action.get(action, ()), rule)
            for identity in rule.identities:
                self._by_identity[identity] = (*self._by_identity.get(identity, ()), rule)
        self._names = frozenset(action.partition(":")[2] for action in self._by_action)
        # One search serves all rules behind the same gate.
        own = [rule for rule in others if type(rule).may_want is not Rule.may_want]
        self._gates = tuple({rule.gate: None for rule in others if rule not in own})
        self._may_want = tuple(rule.may_want for rule in own)

    def wants(self, text: str) -> bool:
        """Whether any rule may want the record with this text, told without parsing it.

        Says no only when it is sure: when the text begins and ends as CloudTrail writes a record,
        holds one eventName which no rule names, and none of the gates. The inside of such a text
        is not looked at any further. This is the hot path: most records end here.
        """
        at = text.find(IDENTITY, len(HEAD), 50)
        if at < 0 or not text.startswith(HEAD) or text[-1] != "}":
            return True
        start = at + len(IDENTITY)
        for rule in self._by_identity.get(text[start : text.find('"', start)], ()):
            if rule.may_want(text):
                return True
        at = text.find(EVENT_NAME, start)
        start = at + len(EVENT_NAME) + 2
        end = text.find('"', start)
        if at < 0 or text[start - 2 : start] != ':"':
            return True
        # Before the field that CloudTrail writes next, it is the record's own name.
        if not text.startswith(REGION, end) and text.find(EVENT_NAME, start) > 0:
            return True
        if action_name(text[start:end]) in self._names:
            return True
        for gate in self._gates:
            if gate in text:
                return True
        for may_want in self._may_want:
            if may_want(text):
                return True
        # An escape may spell a gate, a key or a name. One character is found ten times as fast.
        return "\\" in text and "\\u" in text

    def alerts(self, events: Iterable[Event]) -> list[Alert]:
        """What the rules say of the events, in the order of the events."""
        found: list[Alert] = []
        names, by_identity, others = self._names, self._by_identity, self._others
        for event in events:
            raw = event.raw
            named: tuple[Rule, ...] = ()
            name = raw.get("eventName")
            if name.__class__ is str and (name in names or name[-1:].isdigit()):
                named = self._by_action.get(event.action, ())
                for rule in named:
                    self._ask(rule, event, found)
            identity = raw.get("userIdentity")
            kind = identity.get("type") if identity.__class__ is dict else None
            if kind.__class__ is str and kind in by_identity:
                for rule in by_identity[kind]:
                    if rule.glance(raw) and rule not in named:
                        self._ask(rule, event, found)
            for rule, glance in others:
                if glance(raw):
                    self._ask(rule, event, found)
        return found

    def _ask(self, rule: Rule, event: Event, found: list[Alert]) -> None:
        if rule.passes_over_own and self._own_role and event.actor.role_arn == self._own_role:
            return
        try:
            if rule.rings(event):
                found.append(
                    Alert(
                        rule.id,
                        severity_named(rule.rank(event), "severity_of"),
                        _text(rule.title(event)),
                        event,
                        details=tuple(
                            Line(str(label), _text(text)) for label, text in rule.details(event)
                        ),
                        check_first=rule.check_first,
                        commands=tuple(filter(None, map(_command, rule.first_aid(event)))),
                        many=rule.many if _is_true_of(rule, event) else "",
                        gives_way=rule.gives_way,
                    )
                )
        except (
            Exception,
            SystemExit,
        ) as error:  # whatever a rule does wrong, it is one rule and one event
            found.append(self._broken(rule, event, error))

    def _broken(self, rule: Rule, event: Event, error: BaseException) -> Alert:
        frame = extract_tb(error.__traceback__)[-1]
        file = frame.filename.replace("\\", "/").rpartition("/")[2]
        others = len(self.rules) - 1
        saw = "the other rule saw" if others == 1 else f"the other {others} rules saw"
        return Alert(
            RULE_ERROR,
            OWN[RULE_ERROR][0],
            say("Rule {} failed and was skipped for one event", rule.id),
            event,
            details=(
                # The error's text may quote the record, secrets included: its type is enough.
                Line("Error", say("{} at {}", type(error).__name__, f"{file}:{frame.lineno}")),
                Line("Note", say(f"{saw} the event")),
            ),
            check_first="Look at the event by hand: this rule did not judge it.",
            own=True,
        )


def _is_true_of(rule: Rule, event: Event) -> bool:
    """Whether what the rule says of many such events holds for one that failed."""
    return event.succeeded or rule.failed_calls == "only-failed"


def unreadable(event: Event) -> Alert:
    """The alert for a log event that holds no record."""
    text = event.message
    length = f"{len(text):,} characters"
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    origin = event.origin
    where = say("{}, stream {}", origin.group or "unknown", origin.stream or "unknown")
    return Alert(
        UNREADABLE,
        OWN[UNREADABLE][0],
        say("A CloudTrail record could not be read"),
        event,
        details=(
            Line("Because", say(f"it is not a JSON object, or cut; {length}")),
            Line("Log group", where),
            Line("It begins", say("{}", shown or "(nothing)")),
            Line("Note", say("it may hold something that a rule wants: look at it by hand")),
        ),
        own=True,
    )


def _command(command: object) -> str:
    if not isinstance(command, str):
        raise TypeError("first_aid gives commands as strings")
    return command


def _text(words: Text | str) -> Text:
    """What a user's rule gave as a plain string is all value: it may hold event text."""
    return words if isinstance(words, Text) else say("{}", words)
