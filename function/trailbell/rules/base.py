"""The shape of a rule, how rules are found, and how they are tuned."""

from __future__ import annotations

import importlib
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from inspect import isabstract
from types import ModuleType
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from trailbell.errors import ConfigError
from trailbell.model import Event, Line, Severity, Text, action_name, say
from trailbell.names import nearest
from trailbell.state.base import State

READ_ONLY = '"readOnly":true,"eventType":"'
"""A read, as CloudTrail writes it: next to eventType the flag is the record's own, and not one of
the request's parameters, such as a volume's."""
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
FailedCalls = Literal["ignore", "only-failed", "report-lower", "denied-lower", "report-same"]
ServiceCalls = Literal["keep", "drop-aws", "drop-automation"]


@dataclass(frozen=True, slots=True)
class Rings:
    """An event that the rule must report, and the title that it must report it with."""

    name: str
    event: Event
    title: str
    severity: Severity | None = None
    """Checked where it is named: most examples ring at the rule's own severity."""
    before: tuple[Event, ...] = ()
    """What happened before, for a rule that looks beyond one event."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """An event that the rule must let pass."""

    name: str
    event: Event
    before: tuple[Event, ...] = ()


class Rule(ABC):
    """A question put to each event.

    Class variables describe the rule. Annotated fields that are not ClassVar are its tunables,
    set in ``configs.py``. A plain class on purpose: all rules load at every cold start, and only
    one that a user tunes has anything to validate.
    """

    id: ClassVar[str]
    severity: ClassVar[Severity]
    actions: ClassVar[tuple[str, ...]] = ()
    """The actions it wants to see, as ``iam:CreateAccessKey``."""
    identities: ClassVar[tuple[str, ...]] = ()
    """Types of callers whose every event it wants to see, as ``Root``; beside its actions."""
    gate: ClassVar[str] = ""
    """For a rule with neither: a text that each record which it may want contains. Only a hint
    that saves parsing; ``match`` still has to say no. Empty: it may want every record."""
    failed_calls: ClassVar[FailedCalls] = "report-same"
    """What becomes of a call that failed. The "-lower" ones ring one step less severe;
    "denied-lower" keeps refused calls and drops mistakes, such as a name that does not exist."""
    service_calls: ClassVar[ServiceCalls] = "keep"
    """Calls that AWS made for itself ("drop-aws"), or for a user too ("drop-automation")."""
    on_by_default: ClassVar[bool] = True
    gives_way: ClassVar[bool] = False
    """To every other rule that matches the same event."""
    passes_over_own: ClassVar[bool] = False
    """Whether it leaves out what the function's own role did (OWN_ROLE). For rules that ring for
    any call or any refused call, which the function's own could set off in a circle."""
    check_first: ClassVar[str] = ""
    """What to do first, in one line: high and critical alerts end with it."""
    many: ClassVar[str] = ""
    """What a message about several of these says that the actor did: "created access keys"."""
    attack: ClassVar[str] = ""
    """MITRE ATT&CK technique."""
    cis: ClassVar[Mapping[str, str]] = {}
    """Control of the CIS AWS Foundations Benchmark, by the benchmark's versions."""
    references: ClassVar[tuple[str, ...]] = ()
    since: ClassVar[str] = ""
    needs_state: ClassVar[bool] = False
    """Whether it looks beyond one event, at what ``state`` remembers."""
    state: State
    """Set before it is asked about events, where ``needs_state``."""
    fixed_severity: Severity | None = None
    """Set where a user fixed it in ``RULES``."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if isabstract(cls) or cls.__dict__.get("abstract"):
            return
        if not ID.fullmatch(getattr(cls, "id", "")):
            raise ConfigError(f"rule {cls.__name__}: the id must look like 'access-key-created'")
        for name, allowed in (("failed_calls", FailedCalls), ("service_calls", ServiceCalls)):
            if getattr(cls, name) not in get_args(allowed):
                known = ", ".join(get_args(allowed))
                raise ConfigError(f"rule {cls.id}: {name} must be one of {known}")
        for action in (*_tuple(cls, "actions"), *_tuple(cls, "identities")):
            if not isinstance(action, str):
                raise ConfigError(f"rule {cls.id}: {action!r} is no text")
        for action in cls.actions:
            if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9_]+", action):
                raise ConfigError(
                    f"rule {cls.id}: the action {action!r} must look like 'iam:CreateAccessKey',"
                    " as `trailbell replay` prints it"
                )
        # CloudTrail shows some with a version behind them, which Event.action leaves out.
        cls.actions = tuple(action_name(action) for action in cls.actions)
        cls.severity = severity_named(getattr(cls, "severity", None), f"rule {cls.id}: severity")

    def may_want(self, text: str) -> bool:
        """Whether it may want the record with this text, told without parsing it.

        Asked of a rule's identities' records, and of all where it has neither those nor actions.
        """
        return self.gate in text

    def glance(self, raw: dict[str, Any]) -> bool:
        """Whether the record is worth asking ``match`` about, where no action led to the rule.

        Asked of nearly every record that was parsed: two look-ups, and nothing that can raise.
        """
        return True

    @abstractmethod
    def match(self, event: Event) -> bool:
        """Whether the event is worth an alert."""

    @abstractmethod
    def title(self, event: Event) -> Text:
        """One sentence in the past tense that tells a tired reader who did what to whom."""

    def severity_of(self, event: Event) -> Severity:
        """How severe this event is; asked only of events that matched."""
        return self.severity

    def details(self, event: Event) -> tuple[Line, ...]:
        """Lines of the message that only this rule can write."""
        return ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        """At most two commands that stop what happened, made with ``first_aid.aws``."""
        return ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        """Events and what the rule says of them: its tests, its preview and its documentation."""
        yield from ()

    def rings(self, event: Event) -> bool:
        """``match``, behind what the class says of failed calls and of calls by AWS."""
        failed = self.failed_calls
        if failed != "report-same" and failed != "report-lower":
            if event.succeeded:
                if failed == "only-failed":
                    return False
            elif failed == "ignore" or (failed == "denied-lower" and not event.denied):
                return False
        if self.service_calls == "drop-aws" and event.by_aws:
            return False
        if self.service_calls == "drop-automation" and event.by_automation:
            return False
        return self.match(event)

    def rank(self, event: Event) -> Severity:
        """``severity_of``, lowered for a call that failed, unless a user fixed it."""
        if self.fixed_severity is not None:
            return self.fixed_severity
        severity = self.severity_of(event)
        lower = self.failed_calls in ("report-lower", "denied-lower") and not event.succeeded
        return severity.lowered() if lower else severity

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring: the rule's name in the documentation."""
        return (cls.__doc__ or cls.id).strip().partition("\n")[0]

    @classmethod
    def group(cls) -> str:
        """The folder that it lives in, or ``custom`` for a user's own."""
        package, _, rest = cls.__module__.partition(".rules.")
        in_group = package == "trailbell" and "." in rest
        return rest.partition(".")[0].replace("_", "-") if in_group else "custom"

    @classmethod
    def hints(cls) -> dict[str, Any]:
        """The tunables and their types."""
        try:
            hints = get_type_hints(cls)
        except NameError as error:
            raise ConfigError(f"rule {cls.id}: a field's type is unknown: {error}") from None
        return {
            name: hint
            for name, hint in hints.items()
            if get_origin(hint) is not ClassVar and name not in Rule.__annotations__
        }

    def tunables(self) -> dict[str, Any]:
        """The tunables and their values."""
        return {name: getattr(self, name) for name in self.hints()}

    @classmethod
    def tuned(cls, settings: Mapping[str, Any]) -> Self:
        """The rule with a user's settings, or a ConfigError that names what is wrong."""
        rule = cls()
        if not settings:
            return rule
        from pydantic import TypeAdapter, ValidationError  # only a tuned rule pays for it

        hints = cls.hints()
        for name, value in settings.items():
            where = f"RULES[{cls.id!r}][{name!r}]"
            if name == "severity":
                rule.fixed_severity = severity_named(value, where)
            elif name not in hints:
                known = ["enabled", "severity", *hints]
                raise ConfigError(f"{where} is no setting of that rule{nearest(name, known)}")
            else:
                try:
                    setattr(rule, name, TypeAdapter(hints[name]).validate_python(value))
                except ValidationError as error:
                    problem = error.errors(include_url=False, include_input=False)[0]
                    raise ConfigError(f"{where}: {problem['msg']}") from None
        try:
            rule.check()
        except ValueError as error:
            raise ConfigError(f"RULES[{cls.id!r}]: {error}") from None
        return rule

    def check(self) -> None:  # noqa: B027 - a hook that most rules have no need of
        """Look at the tuned fields; a ValueError says what is wrong with them."""


def _tuple(rule: type[Rule], name: str) -> tuple[object, ...]:
    value = getattr(rule, name)
    if not isinstance(value, tuple | list):
        raise ConfigError(f"rule {rule.id}: {name} must be a tuple, such as ('x',)")
    return tuple(value)


def severity_named(value: object, where: str) -> Severity:
    """The severity that a setting or a user's rule names."""
    if isinstance(value, Severity):
        return value
    names = [str(severity) for severity in Severity]
    if isinstance(value, str) and value.lower() in names:
        return Severity[value.upper()]
    raise ConfigError(f"{where} must be one of {', '.join(names)}")


@cache
def find(package: ModuleType) -> dict[str, type[Rule]]:
    """Import each module of the package and its folders; return the rules in them, by id."""
    found: dict[str, type[Rule]] = {}
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for item in vars(module).values():
            if not (isinstance(item, type) and issubclass(item, Rule)) or isabstract(item):
                continue
            if item.__module__ == module.__name__:  # else imported there, defined elsewhere
                add(found, item)
    return found


def add(found: dict[str, type[Rule]], rule: type[Rule]) -> None:
    """Register a rule, or refuse the second one of the same id."""
    if rule.id in found:
        one, other = (f"{cls.__module__}.{cls.__name__}" for cls in (found[rule.id], rule))
        raise ConfigError(f"the rule id {rule.id} is used twice: by {one} and by {other}")
    found[rule.id] = rule


def listed(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is on a list of globs."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def did(event: Event, past: str, infinitive: str, rest: str, *values: object) -> Text:
    """The sentence of a call: what was done, or what was tried and how it ended.

    ``did(event, "created", "create", "access key {} for {}", key, owner)`` becomes "alice created
    access key AKIA... for bob", or "alice tried to create ... and was refused".
    """
    rest = f" {rest}" if rest else ""
    if event.succeeded:
        return say(f"{{}} {past}{rest}", event.actor, *values)
    ending = "and was refused" if event.denied else "but the call failed"
    return say(f"{{}} tried to {infinitive}{rest} {ending}", event.actor, *values)
