from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.testing import call, root, sign_in


class RootConsoleLogin(Rule):
    """The root user signed in to the console.

    Root can do everything, in spite of every policy in its account, and nothing that a team does
    daily needs it. Its sign-in is either an event that somebody planned or a takeover.

    Ask whoever holds the root mailbox and the MFA device. If it was none of them, reset the
    password and MFA from that mailbox, then read what root did after this sign-in. Noisy only
    where root is in daily use, which is worth ending in any case.
    """

    id = "root-console-login"
    severity = Severity.CRITICAL
    actions = ("signin:ConsoleLogin",)
    failed_calls = "ignore"
    check_first = (
        "Ask whoever holds the root mailbox. Nobody? Reset the root password and MFA from that "
        "mailbox now."
    )
    many = "signed in to the console"
    attack = "T1078.004"
    cis: ClassVar = {
        "1.2": "3.3",
        "1.4-5.0": "4.3",
        "6.0-7.0": "5.3",
        "securityhub": "CloudWatch.1",
    }
    references = ("https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html",)
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return event.identity == "Root" and event.text("responseElements.ConsoleLogin") == "Success"

    def title(self, event: Event) -> Text:
        # Root's own sign-ins are recorded with "Yes" as well as with "YES".
        mfa = event.text("additionalEventData.MFAUsed").lower()
        how = "with MFA" if mfa == "yes" else "without MFA" if mfa else "MFA not recorded"
        return say(f"{{}} signed in to the console, {how}", event.actor)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "with MFA",
            sign_in(by=root()),
            "The root user signed in to the console, with MFA",
            Severity.CRITICAL,
        )
        yield Rings(
            "with MFA, in capitals",
            sign_in(by=root(), mfa="YES"),
            "The root user signed in to the console, with MFA",
        )
        yield Rings(
            "without MFA",
            sign_in(by=root(), mfa="No"),
            "The root user signed in to the console, without MFA",
        )
        yield Rings(
            "nothing said of MFA, and the account's alias for a user name",
            sign_in(by=root(userName="example-corp"), mfa=None),
            "The root user signed in to the console, MFA not recorded",
        )
        yield Quiet(
            "a failed one has a rule of its own",
            sign_in(by=root(), mfa="No", failure="Failed authentication"),
        )
        yield Quiet(
            "a sign-in that does not say how it ended", call("signin:ConsoleLogin", by=root())
        )
        yield Quiet("an IAM user", sign_in(by="alice"))
