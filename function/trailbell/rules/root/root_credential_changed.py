from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.testing import OTHER_ACCOUNT, call, iam_call, person, root

RECOVERY = "signin:PasswordRecoveryRequested"
CONTACT = "account:PutAlternateContact"
CONTACTS = ("security", "billing", "operations")

EMAIL = "the e-mail address of the root user"

WORDS = {
    "iam:CreateAccessKey": ("created", "create", "an access key for itself"),
    "iam:CreateLoginProfile": ("set", "set", "a password for itself"),
    "iam:UpdateLoginProfile": ("changed", "change", "its password"),
    "iam:DeactivateMFADevice": ("switched off", "switch off", "its MFA"),
    "iam:EnableMFADevice": ("switched on", "switch on", "an MFA device for itself"),
    "signin:PasswordUpdated": ("changed", "change", "its password"),
    "signin:EmailUpdated": ("changed", "change", "its e-mail address"),
    "signin:PasswordRecoveryCompleted": ("set", "set", "a new password by e-mail"),
    "account:StartPrimaryEmailUpdate": ("began to change", "begin to change", EMAIL),
    "account:AcceptPrimaryEmailUpdate": ("changed", "change", EMAIL),
}
"""What was done, what was tried, and to what."""
ANYBODYS = {
    "iam:CreateAccessKey": "an access key",
    "iam:CreateLoginProfile": "a password",
    "iam:UpdateLoginProfile": "a password",
    "iam:DeactivateMFADevice": "an MFA device",
    "iam:EnableMFADevice": "an MFA device",
}
"""The same of a call that failed: its request is null, whomever it was about."""


class RootCredentialChanged(Rule):
    """A credential of the root user was changed: key, password, MFA, e-mail or recovery.

    Whoever holds these holds the account. An access key of root is the worst of them: it works
    from anywhere, for ever, without MFA. A request to reset the password proves only that
    somebody knows the e-mail address; its completion proves that they read the mailbox.

    Ask the keeper of the root mailbox at once. If it was not them, take the password, the MFA
    device and the keys back from that mailbox, or call AWS Support if the mailbox is lost too.
    Changed alternate contacts matter because AWS sends its security notices there.
    """

    id = "root-credential-changed"
    severity = Severity.CRITICAL
    actions = (*WORDS, RECOVERY, CONTACT)
    failed_calls = "report-lower"
    check_first = (
        "Ask the keeper of the root mailbox now. Not them? Take the password, MFA and keys back "
        "from that mailbox."
    )
    many = "changed credentials or contacts of the root user"
    attack = "T1098.001"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html",
        "https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-update-root-user-email.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        if event.source == "account.amazonaws.com":
            return True
        # A call without a user name is about the caller. MFA of root is recorded with this name.
        target = event.text("requestParameters.userName")
        return event.identity == "Root" and target in ("", "AWS ROOT USER")

    def severity_of(self, event: Event) -> Severity:
        if event.action == RECOVERY:
            return Severity.HIGH
        return Severity.MEDIUM if event.action == CONTACT else self.severity

    def title(self, event: Event) -> Text:
        action = event.action
        if action == RECOVERY:  # anybody can, who knows the e-mail address
            asked = "asked" if event.succeeded else "tried in vain"
            return say(f"Somebody {asked} to reset the password of {{}}", event.actor)
        past, infinitive, rest = WORDS.get(action, ("changed", "change", contact_of(event)))
        if action.startswith("account:"):
            # Set where the management account does it for a member.
            account = event.text("requestParameters.accountId")
            values = [account] if account else []
            return did(
                event, past, infinitive, f"{rest} of account {{}}" if account else rest, *values
            )
        if not event.succeeded:
            rest = ANYBODYS.get(action, rest)
        return did(event, past, infinitive, rest)

    def details(self, event: Event) -> tuple[Line, ...]:
        key = event.text("responseElements.accessKey.accessKeyId")
        return (Line("New key", say("{}", key)),) if key else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        # Root's own credentials can be taken back by root alone. Without the contact, AWS writes
        # to the mailbox of root again.
        if event.action != CONTACT or not event.succeeded:
            return ()
        contact = event.text("requestParameters.alternateContactType").upper()
        command = "account delete-alternate-contact --alternate-contact-type {contact}"
        if account := event.text("requestParameters.accountId"):
            return (aws(f"{command} --account-id {{account}}", contact=contact, account=account),)
        return (aws(command, contact=contact),)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "an access key of root, for which the request is null",
            iam_call(
                "CreateAccessKey", by=root(), accessKey={"accessKeyId": "AKIAI44QH8DHBEXAMPLE"}
            ),
            "The root user created an access key for itself",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt",
            iam_call("CreateAccessKey", by=root(), error="AccessDenied"),
            "The root user tried to create an access key and was refused",
            Severity.HIGH,
        )
        yield Rings(
            "a password for a root user that had none",
            call("iam:CreateLoginProfile", by=root(), request={}),
            "The root user set a password for itself",
        )
        yield Rings(
            "a password through IAM",
            call("iam:UpdateLoginProfile", by=root()),
            "The root user changed its password",
        )
        yield Rings(
            "MFA, which is recorded with a user name of its own",
            call(
                "iam:EnableMFADevice",
                by=root(),
                request={
                    "userName": "AWS ROOT USER",
                    "serialNumber": "arn:aws:iam::111122223333:mfa/root-account-mfa-device",
                },
            ),
            "The root user switched on an MFA device for itself",
        )
        yield Rings(
            "MFA off",
            call("iam:DeactivateMFADevice", by=root()),
            "The root user switched off its MFA",
            Severity.CRITICAL,
        )
        yield Rings(
            "the password",
            call("signin:PasswordUpdated", by=root(), response={"PasswordUpdated": "Success"}),
            "The root user changed its password",
            Severity.CRITICAL,
        )
        yield Rings(
            "the password, in vain",
            call("signin:PasswordUpdated", by=root(), response={"PasswordUpdated": "Failure"}),
            "The root user tried to change its password but the call failed",
            Severity.HIGH,
        )
        yield Rings(
            "the e-mail address",
            call("signin:EmailUpdated", by=root(), response={"EmailUpdated": "Success"}),
            "The root user changed its e-mail address",
        )
        yield Rings(
            "a request to reset the password",
            call(RECOVERY, by=root(), response={"PasswordRecoveryRequested": "Success"}),
            "Somebody asked to reset the password of the root user",
            Severity.HIGH,
        )
        yield Rings(
            "a request to reset the password, in vain",
            call(RECOVERY, by=root(), response={"PasswordRecoveryRequested": "Failure"}),
            "Somebody tried in vain to reset the password of the root user",
            Severity.MEDIUM,
        )
        yield Rings(
            "the reset itself",
            call(
                "signin:PasswordRecoveryCompleted",
                by=root(),
                response={"PasswordRecoveryCompleted": "Success"},
            ),
            "The root user set a new password by e-mail",
            Severity.CRITICAL,
        )
        yield Rings(
            "the e-mail address of a member, by an administrator",
            call(
                "account:StartPrimaryEmailUpdate",
                by=person("carol@example.com", "Admin"),
                request={"accountId": OTHER_ACCOUNT, "primaryEmail": "root@example.com"},
            ),
            "carol@example.com began to change the e-mail address of the root user of account "
            "444455556666",
            Severity.CRITICAL,
        )
        yield Rings(
            "the e-mail address, confirmed, with an empty request",
            call("account:AcceptPrimaryEmailUpdate", by="mallory"),
            "mallory changed the e-mail address of the root user",
            Severity.CRITICAL,
        )
        yield Rings(
            "where AWS sends its security notices",
            call(
                CONTACT, by="mallory", request={"alternateContactType": "SECURITY", "title": "CISO"}
            ),
            "mallory changed the security contact",
            Severity.MEDIUM,
        )
        yield Rings(
            "a contact that the record does not name, refused",
            call(CONTACT, by="mallory", error="AccessDeniedException"),
            "mallory tried to change an alternate contact and was refused",
            Severity.LOW,
        )
        yield Quiet(
            "a key that root makes for a user",
            call("iam:CreateAccessKey", by=root(), request={"userName": "backup"}),
        )
        yield Quiet("a user's own key", iam_call("CreateAccessKey", by="alice"))


def contact_of(event: Event) -> str:
    kind = event.text("requestParameters.alternateContactType").lower()
    return f"the {kind} contact" if kind in CONTACTS else "an alternate contact"
