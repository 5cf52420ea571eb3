from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.reconnaissance._address import address, is_public, networks
from trailbell.testing import KEY, call, iam_call, role, service, user

MAIL = ("asked", "ask", "what e-mail may be sent with key {}")
LIMITS = ("asked", "ask", "for the limits of the account with key {}")
MODELS = ("looked", "look", "for AI models with key {}")
MESSAGES = ("asked", "ask", "what text messages may be sent with key {}")
WORDS = {
    "sts:GetCallerIdentity": ("asked", "ask", "whose key {} is"),
    "ses:GetSendQuota": MAIL,
    "ses:GetAccount": MAIL,
    "ses:GetAccountSendingEnabled": MAIL,
    "ses:ListIdentities": MAIL,
    "ses:GetIdentityVerificationAttributes": MAIL,
    "servicequotas:ListServiceQuotas": LIMITS,
    "servicequotas:GetServiceQuota": LIMITS,
    "bedrock:GetFoundationModelAvailability": MODELS,
    "bedrock:ListFoundationModels": MODELS,
    "bedrock:InvokeModel": ("used", "use", "an AI model with key {}"),
    "iam:GetUser": ("looked up", "look up", "an IAM user with key {}"),
    "sns:GetSMSAttributes": MESSAGES,
    "sns:GetSMSSandboxAccountStatus": MESSAGES,
}
"""What was done, what was tried, and to what."""


class LeakedKeyProbe(Rule):
    """A long-lived access key was tried out from the internet.

    Whoever finds a key in a repository or an image first asks whose it is, then whether it can
    send e-mail or text messages, and of late whether it opens AI models: that is what keys are
    sold for.

    Ask the user whether address and tool are theirs. If not, deactivate the key. It is off by
    default, since every SDK and every deployment asks whose key it has: name your addresses in
    `known_networks` and your tools in `known_agents` before you switch it on.
    """

    id = "leaked-key-probe"
    severity = Severity.MEDIUM
    actions = tuple(WORDS)
    failed_calls = "report-same"
    service_calls = "drop-aws"
    on_by_default = False
    many = "tried out access keys"
    attack = "T1087.004"
    references = (
        "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html",
        "https://github.com/trufflesecurity/trufflehog",
    )
    since = "0.1.0"

    known_networks: tuple[str, ...] = ()
    """Networks, such as ``192.0.2.0/24``, that your keys are used from."""
    known_agents: tuple[str, ...] = ()
    """User agents (globs) of your tools. Any caller can choose its own."""
    allow_users: tuple[str, ...] = ()
    """Users (globs) whose keys are used from anywhere."""

    def check(self) -> None:
        networks(self.known_networks)

    def match(self, event: Event) -> bool:
        ip = address(event.ip)
        return (
            event.identity == "IAMUser"
            and event.text("userIdentity.accessKeyId").startswith("AKIA")
            and ip is not None
            and is_public(ip)
            and not event.from_console
            and not any(ip in network for network in networks(self.known_networks))
            and not listed(event.agent, self.known_agents)
            and not listed(event.actor.name, self.allow_users)
        )

    def title(self, event: Event) -> Text:
        past, infinitive, rest = WORDS.get(event.action, ("used", "use", "key {}"))
        return did(event, past, infinitive, rest, event.text("userIdentity.accessKeyId"))

    def details(self, event: Event) -> tuple[Line, ...]:
        return (Line("User agent", say("{}", event.agent)),) if event.agent else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        return (stop_key(event),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        whose = "sts:GetCallerIdentity"
        yield Rings(
            "the first thing that is done with a key",
            call(whose, by="ci-deploy", userAgent="TruffleHog"),
            f"ci-deploy asked whose key {KEY} is",
            Severity.MEDIUM,
        )
        yield Rings(
            "can it send e-mail?",
            call("ses:GetSendQuota", by="ci-deploy", error="AccessDenied"),
            f"ci-deploy tried to ask what e-mail may be sent with key {KEY} and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "can it use AI models?",
            call("bedrock:InvokeModel", by="ci-deploy", error="ValidationException"),
            f"ci-deploy tried to use an AI model with key {KEY} but the call failed",
        )
        yield Rings(
            "who has it?",
            iam_call("GetUser", by="ci-deploy"),
            f"ci-deploy looked up an IAM user with key {KEY}",
        )
        yield Quiet("a role", call(whose, by=role("deploy", "build-42")))
        yield Quiet("a session", call(whose, by=user("alice", accessKeyId="ASIAIOSFODNN7EXAMPLE")))
        yield Quiet("an inside address", call(whose, by="alice", sourceIPAddress="10.0.0.1"))
        yield Quiet("AWS itself", call(whose, by=service("config")))
        yield Quiet("no address recorded", call(whose, by="alice", sourceIPAddress=None))
        yield Quiet("the console", call(whose, by="alice", userAgent="Mozilla/5.0"))
        yield Quiet(
            "a service for a user",
            call(whose, by="alice", sourceIPAddress="cloudformation.amazonaws.com"),
        )
