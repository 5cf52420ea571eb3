from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trailbell.first_aid import stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.testing import call, role

KALI = "Kali Linux"
NAMES = {
    "distrib#kali": KALI,
    "+kali": KALI,
    "kali-amd64": KALI,
    "kali-arm64": KALI,
    "parrot": "Parrot OS",
    "pentoo": "Pentoo Linux",
}
"""What the sentence calls them; others go by what was looked for."""
SHOWN = 200  # characters of a user agent
KEY = '"userAgent"'
NEXT = ('","requestParameters":', '","errorCode":"')  # behind the record's own user agent
KNOWN = 256  # user agents that are remembered


class SuspiciousUserAgent(Rule):
    """A call came from a hacking tool, or from a system made for hacking.

    Tools to find and try stolen keys, and Linux distributions for intrusion tests, say what they
    are in the user agent of each call. A careful attacker changes it, so that silence proves
    nothing; but who does not has just told you.

    Ask whether somebody is testing your defences. If nobody is, the key or session is in wrong
    hands: stop it, then look for where it leaked. Put your own testers into `allow_actors`.
    Tools in `only_iam_writes` are honest programs too, and ring only when they change users, keys
    or rights.
    """

    id = "suspicious-user-agent"
    severity = Severity.HIGH
    failed_calls = "report-lower"
    service_calls = "keep"
    check_first = "Is somebody testing your defences? If not, stop this key or session now."
    many = "called AWS with hacking tools"
    attack = "T1078.004"
    references = (
        "https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html",
        "https://github.com/trufflesecurity/trufflehog",
        "https://www.kali.org/",
    )
    since = "0.1.0"

    agents: tuple[str, ...] = (
        "trufflehog",
        "distrib#kali",
        "+kali",
        "kali-amd64",
        "kali-arm64",
        "parrot",
        "pentoo",
        "pacu",
        "stratus-red-team",
        "cloudfox",
        "enumerate-iam",
        "S3 Browser",
    )
    """Texts that such user agents contain, in any case."""
    only_iam_writes: tuple[str, ...] = ("S3 Browser",)
    """Those of ``agents`` that ring only for calls that change something in IAM."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that test your defences."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[str, ...]] = {}

    def may_want(self, text: str) -> bool:
        """Whether the user agent in the text is a tool's, or may be another than it looks."""
        at = text.find(KEY)
        if at < 0:
            return False
        start = at + len(KEY) + 2
        end = text.find('"', start)
        agent = text[start:end]
        if end < 0 or text[start - 2 : start] != ':"' or "\\" in agent or self.tools(agent):
            return True
        return not text.startswith(NEXT, end) and text.rfind(KEY) > at  # a second one

    def glance(self, raw: dict[str, Any]) -> bool:
        agent = raw.get("userAgent")
        return agent.__class__ is str and bool(self.seen.get(agent, True))

    def check(self) -> None:
        if "" in self.agents:
            raise ValueError("agents: an empty text is part of every user agent")

    def match(self, event: Event) -> bool:
        return bool(self.tool(event)) and not listed(event.actor.name, self.allow_actors)

    def tools(self, agent: str) -> tuple[str, ...]:
        """Those of ``agents`` that a user agent contains.

        Asked of every record, and the same few user agents come again and again.
        """
        found = self.seen.get(agent)
        if found is None:
            if len(self.seen) >= KNOWN:
                self.seen.clear()
            text = agent.lower()
            found = tuple(tool for tool in self.agents if tool.lower() in text)
            self.seen[agent] = found
        return found

    def tool(self, event: Event) -> str:
        """The first tool that this call is told for; "" where it is told for none."""
        found = self.tools(event.agent)
        iam_write = event.source == "iam.amazonaws.com" and not event.read_only
        return next((tool for tool in found if iam_write or tool not in self.only_iam_writes), "")

    def title(self, event: Event) -> Text:
        tool = self.tool(event)
        how = say("{}", NAMES.get(tool, tool) or "a hacking tool")
        what = say("{}", event.action) if event.action else say("an unknown operation")
        return did(event, "called", "call", "{} with {}", what, how)

    def details(self, event: Event) -> tuple[Line, ...]:
        agent = event.agent
        return (Line("User agent", say("{}", agent[:SHOWN] + ("…" if agent[SHOWN:] else ""))),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        return (stop_key(event),) if event.succeeded else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        honest = "S3 Browser/11.6.7 (https://example.com)"

        def kali(action: str, **fields: str) -> Event:
            agent = "aws-cli/2.17 md/Botocore#2.0 os/linux#6.8 md/distrib#kali.2024 lang/python"
            return call(action, by="ci-deploy", userAgent=agent, **fields)

        yield Rings(
            "Kali Linux",
            kali("iam:CreateUser"),
            "ci-deploy called iam:CreateUser with Kali Linux",
            Severity.HIGH,
        )
        yield Rings(
            "a refused call",
            kali("iam:ListUsers", error="AccessDenied"),
            "ci-deploy tried to call iam:ListUsers with Kali Linux and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "TruffleHog tries a key that it found",
            call("sts:GetCallerIdentity", by="backup", userAgent="TruffleHog"),
            "backup called sts:GetCallerIdentity with trufflehog",
            Severity.HIGH,
        )
        yield Rings(
            "an exercise by a role, which goes through a service",
            call(
                "cloudtrail:StopLogging",
                by=role("red-team", "exercise") | {"invokedBy": "cloudformation.amazonaws.com"},
                userAgent="[Terraform/1.1.2 stratus-red-team_39f95f43]",
            ),
            "red-team/exercise called cloudtrail:StopLogging with stratus-red-team",
        )
        yield Rings(
            "an honest program, which changes rights",
            call("iam:CreateAccessKey", by="alice", userAgent=honest),
            "alice called iam:CreateAccessKey with S3 Browser",
            Severity.HIGH,
        )
        yield Quiet(
            "an honest program, which does its work",
            call("s3:PutObject", by="alice", userAgent=honest),
        )
        yield Quiet(
            "an honest program, which looks at rights",
            call("iam:ListUsers", by="alice", userAgent=honest),
        )
        yield Quiet("the command line", call("iam:CreateUser", by="alice"))
        yield Quiet("no user agent", call("iam:CreateUser", by="alice", userAgent=None))
