from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.first_aid import aws, deny_all
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, listed
from trailbell.rules.console_sign_in._issuer import user_behind
from trailbell.testing import call, person, root, sign_in, user


class ConsoleLoginWithoutMfa(Rule):
    """An IAM user signed in to the console without MFA.

    The password alone opened the console, and passwords are guessed, reused and phished.

    Ask the user whether it was them, then have them register a device. A user who was created
    minutes ago deserves a closer look. A session in the console outlives the password it came
    from, so that the first command denies the user everything. People from IAM Identity Center
    and other identity providers never ring: AWS records "No" for all of them, whatever their
    provider asked for.
    """

    id = "console-login-without-mfa"
    severity = Severity.HIGH
    actions = ("signin:ConsoleLogin",)
    failed_calls = "ignore"
    check_first = "Was it the user? If not, deny them everything, then take the password away."
    many = "signed in to the console without MFA"
    attack = "T1078.004"
    cis: ClassVar = {
        "1.2": "3.2",
        "1.4-5.0": "4.2",
        "6.0-7.0": "5.2",
        "securityhub": "CloudWatch.3",
    }
    references = ("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa.html",)
    since = "0.1.0"

    allow_users: tuple[str, ...] = ()
    """Users (globs) who may sign in without MFA."""

    def match(self, event: Event) -> bool:
        return (
            event.identity == "IAMUser"
            and event.text("responseElements.ConsoleLogin") == "Success"
            and event.text("additionalEventData.MFAUsed").lower() != "yes"
            and not event.flag("userIdentity.sessionContext.attributes.mfaAuthenticated")
            and not event.text("additionalEventData.SamlProviderArn")
            and "AWSReservedSSO" not in event.text("userIdentity.arn")
            and not listed(event.actor.name, self.allow_users)
        )

    def title(self, event: Event) -> Text:
        recorded = event.text("additionalEventData.MFAUsed")
        how = " without MFA" if recorded else ", MFA not recorded"
        return say(f"{{}} signed in to the console{how}", event.actor)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        user = user_behind(event)
        password = aws("iam delete-login-profile --user-name {user}", user=user)
        return (deny_all(event, "user", user), password)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a password alone",
            sign_in(by="alice", mfa="No"),
            "alice signed in to the console without MFA",
            Severity.HIGH,
        )
        yield Rings(
            "nothing said of MFA",
            sign_in(by="alice", mfa=None),
            "alice signed in to the console, MFA not recorded",
        )
        yield Rings(
            "a user without a name",
            sign_in(by=user("alice", userName=None), mfa="No"),
            "alice signed in to the console without MFA",
        )
        yield Quiet("with MFA", sign_in(by="alice"))
        yield Quiet(
            "from a session with MFA",
            sign_in(
                by=user("alice", sessionContext={"attributes": {"mfaAuthenticated": "true"}}),
                mfa="No",
            ),
        )
        yield Quiet(
            "through an identity provider",
            call(
                "signin:ConsoleLogin",
                by="alice",
                response={"ConsoleLogin": "Success"},
                additionalEventData={
                    "MFAUsed": "No",
                    "SamlProviderArn": "arn:aws:iam::111122223333:saml-provider/example",
                },
            ),
        )
        yield Quiet("through IAM Identity Center", sign_in(by=person("bob@example.com"), mfa="No"))
        yield Quiet("root has a rule of its own", sign_in(by=root(), mfa="No"))
        yield Quiet("a failed one", sign_in(by="alice", mfa="No", failure="Failed authentication"))
        yield Quiet("no answer recorded", call("signin:ConsoleLogin", by="alice"))
