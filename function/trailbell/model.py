"""What the parts hand to each other: Event -> Alert -> Group -> Message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple, Self

from trailbell.actor import Actor, who
from trailbell.text import EMPTY, Text, say

__all__ = [
    "Actor", "Alert", "Event", "Group", "Line", "Link", "Message", "Origin", "Severity", "Text",
    "say",
]  # fmt: skip

READ_VERBS = ("Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search", "Query")
CONSOLE_AGENTS = ("console.amazonaws.com", "signin.amazonaws.com", "AWS Internal")
REFUSALS = frozenset({"AuthorizationError", "UnauthorizedAccess", "Forbidden"})
VERSION = re.compile(r"\d{8}(v\d+)?\Z")
"""What Lambda and CloudFront put behind an operation's name: UpdateFunctionCode20150331v2."""


class Severity(IntEnum):
    """How soon a person should look. Higher is sooner."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5

    def __str__(self) -> str:
        return self.name.lower()

    def lowered(self) -> Severity:
        """One step less; info stays info."""
        return Severity(max(self - 1, Severity.INFO))


class Origin(NamedTuple):
    """Where a record was read: the log group and stream of CloudWatch Logs, or a file."""

    account: str = ""
    group: str = ""
    stream: str = ""


NOWHERE = Origin()


def action_name(event_name: str) -> str:
    """The operation without the version that some services append.

    >>> action_name("UpdateFunctionCode20150331v2")
    'UpdateFunctionCode'
    """
    # The last character decides in most cases, and a regular expression costs ten times as much.
    return VERSION.sub("", event_name) if event_name[-1:].isdigit() else event_name


class Event:
    """One CloudTrail record, read-only. Any field may be absent, null or of another type.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """

    __slots__ = ("_actor", "message", "origin", "raw", "received")

    def __init__(
        self,
        raw: dict[str, Any],
        *,
        message: str = "",
        origin: Origin = NOWHERE,
        received: datetime | None = None,
    ) -> None:
        self.raw = raw
        self.message = message
        """The text that the record was read from, where there was one."""
        self.origin = origin
        self.received = received
        """When CloudWatch Logs or EventBridge took it: stands in for a missing eventTime."""
        self._actor: Actor | None = None

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path; the default where any step is absent, null or no object.

        >>> Event({"userIdentity": {"type": "Root"}}).get("userIdentity.type")
        'Root'
        >>> Event({"requestParameters": None}).get("requestParameters.userName", "?")
        '?'
        """
        value: Any = self.raw
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
            if value is None:
                return default
        return value

    def text(self, path: str) -> str:
        """The value at a dotted path if it is a string or a number, as a string; else ""."""
        value = self.get(path, "")
        if isinstance(value, str):
            return value
        return str(value) if type(value) in (int, float) else ""

    def flag(self, path: str) -> bool:
        """Whether the value at a dotted path is true, "true" or "True": CloudTrail writes all."""
        return str(self.get(path, "")).lower() == "true"

    def items(self, path: str) -> list[Any]:
        """The list at a dotted path; empty where there is none."""
        value = self.get(path)
        return value if isinstance(value, list) else []

    @property
    def id(self) -> str:
        value = self.raw.get("eventID")
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str:
        value = self.raw.get("eventName")
        return value if isinstance(value, str) else ""

    @property
    def source(self) -> str:
        value = self.raw.get("eventSource")
        return value if isinstance(value, str) else ""

    @property
    def action(self) -> str:
        """``iam:CreateAccessKey``, as an IAM policy would write it; "" for a nameless record."""
        name = self.name
        if not name:
            return ""
        return f"{self.source.removesuffix('.amazonaws.com')}:{action_name(name)}"

    @property
    def account(self) -> str:
        """The account that the call was made in: 12 digits, or "" where no field tells."""
        return (
            self.text("recipientAccountId")
            or self.text("userIdentity.accountId")
            or self.origin.account
        )

    @property
    def region(self) -> str:
        return self.text("awsRegion")

    @property
    def ip(self) -> str:
        """An address, the DNS name of an AWS service, or "AWS Internal"."""
        return self.text("sourceIPAddress")

    @property
    def agent(self) -> str:
        return self.text("userAgent")

    @property
    def time(self) -> datetime | None:
        """When it happened, in UTC; when it was received if the record does not say."""
        return moment(self.raw.get("eventTime")) or self.received

    @property
    def actor(self) -> Actor:
        if self._actor is None:
            self._actor = who(self.text)
        return self._actor

    @property
    def identity(self) -> str:
        """The type of the caller: IAMUser, Root, AssumedRole, ... or ""."""
        identity = self.raw.get("userIdentity")
        kind = identity.get("type") if isinstance(identity, dict) else ""
        return kind if isinstance(kind, str) else ""

    @property
    def error(self) -> str:
        """The error's code, or what a failed sign-in says in its place; "" on success."""
        code = self.text("errorCode")
        return code if code not in ("", "Success") else self.text("errorMessage")

    @property
    def succeeded(self) -> bool:
        """Sign-in events carry no errorCode when they fail: their answer says so."""
        raw = self.raw
        return (
            raw.get("errorCode") in (None, "", "Success")
            and raw.get("errorMessage") in (None, "")
            and _answer(raw.get("responseElements"), self.name) != "Failure"
        )

    @property
    def denied(self) -> bool:
        """Whether the call failed for want of a right."""
        code = self.text("errorCode")
        return (
            code.startswith("AccessDenied")
            or code.endswith("UnauthorizedOperation")
            or code in REFUSALS
        )

    @property
    def outcome(self) -> str:
        """``succeeded``, ``denied`` or ``failed``."""
        return "succeeded" if self.succeeded else "denied" if self.denied else "failed"

    @property
    def read_only(self) -> bool:
        """By the record's own flag; by the verb where it has none."""
        flag = self.raw.get("readOnly")
        if flag is None:
            return self.name.startswith(READ_VERBS)
        return str(flag).lower() == "true"

    @property
    def from_console(self) -> bool:
        return (
            self.raw.get("eventType") in ("AwsConsoleSignIn", "AwsConsoleAction")
            or self.flag("sessionCredentialFromConsole")
            or self.agent in CONSOLE_AGENTS
            or self.agent.startswith(("Mozilla/", "aws-internal/3"))
        )

    @property
    def by_aws(self) -> bool:
        """Whether AWS made the call for itself: a service, or a service-linked role."""
        if self.identity == "AWSService" or self.raw.get("eventType") == "AwsServiceEvent":
            return True
        # The path is AWS's alone; the name of a role is anybody's to choose.
        if issuer := self.text("userIdentity.sessionContext.sessionIssuer.arn"):
            return ":role/aws-service-role/" in issuer
        return ":assumed-role/AWSServiceRoleFor" in self.text("userIdentity.arn")

    @property
    def by_automation(self) -> bool:
        """Whether AWS made the call, for itself or for a user (CloudFormation, autoscaling)."""
        return (
            self.by_aws
            or self.text("userIdentity.invokedBy").endswith(".amazonaws.com")
            or self.ip.endswith(".amazonaws.com")
        )


def _answer(response: object, name: str) -> object:
    """What a sign-in was answered: ``{"ConsoleLogin": "Failure"}``."""
    return response.get(name) if isinstance(response, dict) else response


def moment(value: object) -> datetime | None:
    """A time of CloudTrail in UTC, in any of its spellings; None for what is no time.

    >>> moment("2026-03-17T16:09:52Z") == moment("2026-03-17 16:09:52.000")
    True
    """
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    if not 1970 < time.year < 9999:  # at the calendar's ends no other zone could tell it
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


class Line(NamedTuple):
    """A labelled line of a message: *Who* `ci-deploy` (IAM user)."""

    label: str
    text: Text


class Link(NamedTuple):
    """An event in the CloudTrail console; built only from values that are safe in a URL."""

    label: str
    url: str
    event: str
    """The event's id, which the URL holds too."""


class Alert:
    """One rule that fired on one event."""

    __slots__ = (
        "check_first", "commands", "details", "event", "gives_way", "many", "own", "rule",
        "severity", "title",
    )  # fmt: skip

    def __init__(
        self,
        rule: str,
        severity: Severity,
        title: Text,
        event: Event,
        *,
        details: tuple[Line, ...] = (),
        check_first: str = "",
        commands: tuple[str, ...] = (),
        many: str = "",
        own: bool = False,
        gives_way: bool = False,
    ) -> None:
        self.rule = rule
        self.severity = severity
        self.title = title
        self.event = event
        self.details = details
        self.check_first = check_first
        self.commands = commands
        """Ready to paste: they stop what happened."""
        self.many = many
        """What a group of such alerts says that the actor did, "created access keys"; "" where
        this one did not, since the call failed."""
        self.own = own
        """trailbell speaks of itself: an unreadable record, a rule that failed."""
        self.gives_way = gives_way
        """To any other rule that matched the same event."""

    def __repr__(self) -> str:
        return f"Alert({self.rule}, {self.severity}, {self.event.id})"


@dataclass(frozen=True, slots=True)
class Group:
    """The alerts of one message: one, several of a kind, or all that the cap left over."""

    alerts: tuple[Alert, ...]
    """Oldest first."""
    rest: bool = False
    """Whether this is what the cap left over, to be told as counts."""

    @property
    def severity(self) -> Severity:
        return max(alert.severity for alert in self.alerts)

    @classmethod
    def single(cls, alert: Alert) -> Self:
        return cls((alert,))


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads, ready for a channel to render."""

    severity: Severity | None
    """None for a message that is not about an event, such as a test."""
    title: Text
    place: Text = EMPTY
    """Account name or id, for the headline."""
    what: Text = EMPTY
    """The API's name for it, its target and result; stands below the title."""
    lines: tuple[Line, ...] = ()
    check_first: str = ""
    commands: tuple[str, ...] = ()
    """First aid, ready to paste: each is a line, begins with ``aws`` and is shown whole."""
    rule: str = ""
    links: tuple[Link, ...] = ()
    events: tuple[str, ...] = ()
    """Ids of the events, at most five."""
    count: int = 1
    """How many alerts it speaks for."""
    account: str = ""
    """The id, for machines; "" where it speaks of several."""
    time: datetime | None = None
    """When the first of it happened, in UTC."""
    follows: bool = False
    """Whether it tells how a run went on that another message began; the place says how long."""
    key: str = ""
    """The same whenever the same message is tried again, for whoever tells doubles apart."""
    reply_to: Mapping[str, Any] = field(default_factory=dict)
    """The receipt of the message that this one follows, from the channel that took it."""
