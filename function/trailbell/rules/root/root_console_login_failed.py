from __future__ import annotations

from collections.abc import Iterator

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.testing import call, root, sign_in


class RootConsoleLoginFailed(Rule):
    """Somebody tried to sign in as the root user and failed.

    Only somebody who knows the e-mail address of the root user gets as far as this. One failure
    may be a slip of the keeper's fingers; several are an attack on the account itself. Where MFA
    was already used, the password was right.

    Ask the keeper of the root mailbox. If it was not them, look whether a sign-in succeeded
    afterwards, and change the root password where MFA was reached.
    """

    id = "root-console-login-failed"
    severity = Severity.HIGH
    actions = ("signin:ConsoleLogin",)
    failed_calls = "only-failed"
    check_first = (
        "Ask the keeper of the root mailbox. Not them? Look for a root sign-in that succeeded."
    )
    many = "failed to sign in to the console"
    attack = "T1110"
    references = ("https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html",)
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return event.identity == "Root"

    def title(self, event: Event) -> Text:
        return say("Somebody tried to sign in as {} and failed", event.actor)

    def details(self, event: Event) -> tuple[Line, ...]:
        if event.text("additionalEventData.MFAUsed").lower() != "yes":
            return ()
        return (Line("MFA", say("used, so the password was right")),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a wrong password",
            sign_in(by=root(), mfa="No", failure="Failed authentication"),
            "Somebody tried to sign in as the root user and failed",
            Severity.HIGH,
        )
        yield Rings(
            "the right password, but not the second factor",
            sign_in(by=root(), mfa="Yes", failure="Failed authentication"),
            "Somebody tried to sign in as the root user and failed",
        )
        yield Rings(
            "only the answer says that it failed",
            call(
                "signin:ConsoleLogin",
                by=root(),
                response={"ConsoleLogin": "Failure"},
                additionalEventData=None,
            ),
            "Somebody tried to sign in as the root user and failed",
        )
        yield Rings(
            "only the message says that it failed",
            call("signin:ConsoleLogin", by=root(), errorMessage="Failed authentication"),
            "Somebody tried to sign in as the root user and failed",
        )
        yield Quiet("a sign-in that succeeded has a rule of its own", sign_in(by=root()))
        yield Quiet("an IAM user", sign_in(by="alice", failure="Failed authentication"))
