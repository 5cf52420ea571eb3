from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, listed
from trailbell.testing import call, person, root, sign_in

CHECK_MFA = "signin:CheckMfa"
MESSAGES = ("Failed authentication", "No username found in supplied account")


class ConsoleLoginFailed(Rule):
    """Somebody failed to sign in to the console.

    People mistype, so that one failure says little. Many in a row say more, and so does one that
    reached MFA: the password was right, and whoever typed it did not hold the device.

    Ask the user, and change the password where MFA was reached. AWS hides the name where no such
    user exists, since people type their password into the wrong field. Root has its own rule.
    """

    id = "console-login-failed"
    severity = Severity.LOW
    actions = ("signin:ConsoleLogin", CHECK_MFA)
    failed_calls = "only-failed"
    many = "failed to sign in to the console"
    attack = "T1110"
    cis: ClassVar = {
        "1.2": "3.6",
        "1.4-5.0": "4.6",
        "6.0-7.0": "5.6",
        "securityhub": "CloudWatch.6",
    }
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "cloudtrail-event-reference-aws-console-sign-in-events.html",
    )
    since = "0.1.0"

    allow_ips: tuple[str, ...] = ()
    """Addresses (globs, such as ``192.0.2.*``) from which failures are no news."""

    def match(self, event: Event) -> bool:
        return (
            event.identity != "Root"
            and (
                event.text("responseElements.ConsoleLogin") == "Failure"
                or event.text("responseElements.CheckMfa") == "Failure"
                or event.text("errorMessage") in MESSAGES
            )
            and not listed(event.ip, self.allow_ips)
        )

    def severity_of(self, event: Event) -> Severity:
        return Severity.MEDIUM if reached_mfa(event) else self.severity

    def title(self, event: Event) -> Text:
        if reached_mfa(event):
            return say("{} failed the MFA step of a console sign-in", event.actor)
        if event.action == CHECK_MFA:
            return say("{} failed an MFA check at the console", event.actor)
        return say("{} failed to sign in to the console", event.actor)

    def details(self, event: Event) -> tuple[Line, ...]:
        return (Line("MFA", say("used, so the password was right")),) if reached_mfa(event) else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a wrong password",
            sign_in(by="alice", mfa="No", failure="Failed authentication"),
            "alice failed to sign in to the console",
            Severity.LOW,
        )
        yield Rings(
            "the right password, but not the second factor",
            sign_in(by="alice", mfa="Yes", failure="Failed authentication"),
            "alice failed the MFA step of a console sign-in",
            Severity.MEDIUM,
        )
        yield Rings(
            "a name that does not exist, which AWS hides",
            sign_in(
                by={
                    "type": "IAMUser",
                    "accountId": "111122223333",
                    "accessKeyId": "",
                    "userName": "HIDDEN_DUE_TO_SECURITY_REASONS",
                },
                mfa="No",
                failure="No username found in supplied account",
            ),
            "An unknown user failed to sign in to the console",
            Severity.LOW,
        )
        yield Rings(
            "only the answer says that it failed",
            call(
                "signin:ConsoleLogin",
                by="alice",
                response={"ConsoleLogin": "Failure"},
                additionalEventData=None,
            ),
            "alice failed to sign in to the console",
        )
        yield Rings(
            "only the message says that it failed",
            call("signin:ConsoleLogin", by="alice", errorMessage="Failed authentication"),
            "alice failed to sign in to the console",
        )
        yield Rings(
            "somebody from an identity provider",
            sign_in(by=person("bob@example.com"), mfa="No", failure="Failed authentication"),
            "bob@example.com failed to sign in to the console",
        )
        yield Rings(
            "an MFA check before the sign-in",
            call(CHECK_MFA, by="alice", response={"CheckMfa": "Failure"}),
            "alice failed an MFA check at the console",
            Severity.LOW,
        )
        yield Quiet("a sign-in that succeeded", sign_in(by="alice"))
        yield Quiet(
            "an MFA check that succeeded",
            call(CHECK_MFA, by="alice", response={"CheckMfa": "Success"}),
        )
        yield Quiet(
            "root has a rule of its own", sign_in(by=root(), failure="Failed authentication")
        )


def reached_mfa(event: Event) -> bool:
    return event.text("additionalEventData.MFAUsed").lower() == "yes"
