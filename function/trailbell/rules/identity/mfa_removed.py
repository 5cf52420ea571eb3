from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws, stop_key
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.identity._owner import owner_of
from trailbell.testing import iam_call, root, service

ROOT_USER = "AWS ROOT USER"
"""What a request about the root user's second factor has for a user name."""
ROOT_DEVICE = "root-account-mfa-device"


class MfaRemoved(Rule):
    """A second factor (MFA device) was removed.

    Without its second factor a sign-in needs no more than a password, so it is removed before an
    account is taken over, or to keep the rightful owner out. That of *another* user or of the root
    user deserves the closest look.

    Ask the owner whether they lost or replaced the device. It is noisy where people replace
    their phones themselves: a new device follows within minutes. A virtual device can only be
    deleted once nobody uses it, and that call does not name its user.
    """

    id = "mfa-removed"
    severity = Severity.HIGH
    actions = ("iam:DeactivateMFADevice", "iam:DeleteVirtualMFADevice")
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Ask the owner if they replaced the device. If not, reset their password now."
    many = "removed MFA devices"
    attack = "T1556.006"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteVirtualMFADevice.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        owner = holder_of(event)
        another = bool(owner) and owner != event.actor.name
        return Severity.CRITICAL if another or owner == ROOT_USER else self.severity

    def title(self, event: Event) -> Text:
        device, owner = device_of(event), holder_of(event)
        root_own = owner == ROOT_USER and event.identity == "Root"
        if event.action == "iam:DeleteVirtualMFADevice":
            what = say("virtual MFA device {}", device) if device else say("a virtual MFA device")
            whose = " of the root user" if owner == ROOT_USER and not root_own else ""
            return did(event, "deleted", "delete", "{}" + whose, what)
        if root_own or owner == event.actor.name:
            what = say("their own MFA device {}", device) if device else say("their MFA device")
            return did(event, "removed", "remove", "{}", what)
        what = say("MFA device {}", device) if device else say("an MFA device")
        if not owner:
            return did(event, "removed", "remove", "{}", what)
        whom = say("the root user") if owner == ROOT_USER else say("{}", owner)
        return did(event, "removed", "remove", "{} from {}", what, whom)

    def details(self, event: Event) -> tuple[Line, ...]:
        serial = event.text("requestParameters.serialNumber")
        return (Line("Device", say("{}", serial)),) if serial != device_of(event) else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        # No command brings the device back; without the password nobody signs in without it.
        owner = holder_of(event) if event.action == "iam:DeactivateMFADevice" else ""
        return stop_key(event), aws("iam delete-login-profile --user-name {user}", user=owner)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "the second factor of another user",
            iam_call(
                "DeactivateMFADevice",
                by="mallory",
                request={
                    "userName": "bob",
                    "serialNumber": "arn:aws:iam::111122223333:mfa/bobs-phone",
                },
            ),
            "mallory removed MFA device bobs-phone from bob",
            Severity.CRITICAL,
        )
        yield Rings(
            "one's own",
            iam_call(
                "DeactivateMFADevice",
                by="alice",
                request={"userName": "alice", "serialNumber": "GAHT12345678"},
            ),
            "alice removed their own MFA device GAHT12345678",
            Severity.HIGH,
        )
        yield Rings(
            "the root user's, by its serial number",
            iam_call(
                "DeactivateMFADevice",
                by="mallory",
                request={
                    "serialNumber": "arn:aws:iam::111122223333:mfa/root-account-mfa-device",
                },
            ),
            "mallory removed MFA device root-account-mfa-device from the root user",
            Severity.CRITICAL,
        )
        yield Rings(
            "the root user's, by themselves",
            iam_call(
                "DeactivateMFADevice",
                by=root(),
                request={
                    "userName": ROOT_USER,
                    "serialNumber": "arn:aws:iam::111122223333:mfa/vault-key",
                },
            ),
            "The root user removed their own MFA device vault-key",
            Severity.CRITICAL,
        )
        yield Rings(
            "a record that holds neither user nor device, by the root user",
            iam_call("DeactivateMFADevice", by=root()),
            "The root user removed their MFA device",
            Severity.CRITICAL,
        )
        yield Rings(
            "a virtual device, whose user the call does not name",
            iam_call(
                "DeleteVirtualMFADevice",
                by="mallory",
                request={"serialNumber": "arn:aws:iam::111122223333:mfa/bobs-phone"},
            ),
            "mallory deleted virtual MFA device bobs-phone",
            Severity.HIGH,
        )
        yield Rings(
            "the root user's virtual device",
            iam_call(
                "DeleteVirtualMFADevice",
                by="mallory",
                request={
                    "serialNumber": "arn:aws:iam::111122223333:mfa/root-account-mfa-device",
                },
            ),
            "mallory deleted virtual MFA device root-account-mfa-device of the root user",
            Severity.CRITICAL,
        )
        yield Rings(
            "a refused attempt, which is recorded without its parameters",
            iam_call("DeactivateMFADevice", by="mallory", error="AccessDenied"),
            "mallory tried to remove an MFA device and was refused",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a mistake removed nothing",
            iam_call(
                "DeactivateMFADevice",
                by="alice",
                request={"userName": "bob", "serialNumber": "GAHT12345678"},
                error="NoSuchEntityException",
            ),
        )
        yield Quiet(
            "AWS itself",
            iam_call("DeactivateMFADevice", by=service("support"), request={"userName": "bob"}),
        )


def holder_of(event: Event) -> str:
    """The user who used the device, ROOT_USER for the root user; "" where nobody can tell."""
    if event.text("requestParameters.serialNumber").endswith(ROOT_DEVICE):
        return ROOT_USER
    if event.identity == "Root" and not event.text("requestParameters.userName"):
        return ROOT_USER
    return owner_of(event)


def device_of(event: Event) -> str:
    """The device's name: its serial number is a number on the back, or an ARN."""
    return event.text("requestParameters.serialNumber").rpartition("/")[2]
