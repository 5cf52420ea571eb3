from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import deny_all
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.console_sign_in._issuer import user_behind
from trailbell.testing import ACCOUNT, Identity, call, person, root, sign_in

SWITCH_ROLE = "signin:SwitchRole"


class ConsoleLoginSuccess(Rule):
    """Somebody signed in to the console.

    For who wants to see each sign-in. That of a federated user stands out: no person has such a
    password, so that somebody made it from the access key of an IAM user.

    Ask the user whether it was them. It is off by default, since people sign in all day; people
    from IAM Identity Center ring only with `AssumedRole` in `types`. Root has a rule of its own.
    """

    id = "console-login-success"
    severity = Severity.INFO
    actions = ("signin:ConsoleLogin", SWITCH_ROLE)
    failed_calls = "ignore"
    on_by_default = False
    many = "signed in to the console"
    attack = "T1078.004"
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "cloudtrail-event-reference-aws-console-sign-in-events.html",
    )
    since = "0.1.0"

    types: tuple[str, ...] = ("IAMUser", "FederatedUser")
    """Kinds of callers (userIdentity.type) whose sign-ins ring."""

    def match(self, event: Event) -> bool:
        answer = event.text("responseElements." + event.action.rpartition(":")[2])
        return answer == "Success" and event.identity in self.types

    def severity_of(self, event: Event) -> Severity:
        return Severity.MEDIUM if event.identity == "FederatedUser" else self.severity

    def title(self, event: Event) -> Text:
        if event.action == SWITCH_ROLE:
            return say("{} switched to another role in the console", event.actor)
        # "No" is recorded for all who come through a role, whatever their provider asked for.
        recorded = event.text("additionalEventData.MFAUsed").lower()
        if event.identity not in ("IAMUser", "Root") or not recorded:
            return say("{} signed in to the console", event.actor)
        how = "with MFA" if recorded == "yes" else "without MFA"
        return say(f"{{}} signed in to the console, {how}", event.actor)

    def details(self, event: Event) -> tuple[Line, ...]:
        if event.identity != "FederatedUser":
            return ()
        return (Line("Meaning", say("an access key was turned into a console session")),)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if event.identity != "FederatedUser":
            return ()
        return (deny_all(event, "user", user_behind(event)),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "an IAM user",
            sign_in(by="alice"),
            "alice signed in to the console, with MFA",
            Severity.INFO,
        )
        yield Rings(
            "a password alone",
            sign_in(by="alice", mfa="No"),
            "alice signed in to the console, without MFA",
        )
        yield Rings(
            "nothing said of MFA",
            sign_in(by="alice", mfa=None),
            "alice signed in to the console",
        )
        yield Rings(
            "a federated user, made from an access key",
            sign_in(by=federated("backdoor"), mfa="No"),
            "backdoor signed in to the console",
            Severity.MEDIUM,
        )
        yield Rings(
            "another role, without signing in again",
            call(
                SWITCH_ROLE,
                by="alice",
                response={"SwitchRole": "Success"},
                eventType="AwsConsoleSignIn",
            ),
            "alice switched to another role in the console",
            Severity.INFO,
        )
        yield Quiet("a failed one", sign_in(by="alice", failure="Failed authentication"))
        yield Quiet("no answer recorded", call("signin:ConsoleLogin", by="alice"))
        yield Quiet("people from IAM Identity Center", sign_in(by=person("bob@example.com")))
        yield Quiet("root has a rule of its own", sign_in(by=root()))


def federated(name: str, issuer: str = "ci-deploy") -> Identity:
    """A session that an IAM user made with GetFederationToken."""
    return {
        "type": "FederatedUser",
        "principalId": f"{ACCOUNT}:{name}",
        "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "IAMUser",
                "principalId": "AIDACKCEVSQ6C2EXAMPLE",
                "arn": f"arn:aws:iam::{ACCOUNT}:user/{issuer}",
                "accountId": ACCOUNT,
                "userName": issuer,
            },
        },
    }
