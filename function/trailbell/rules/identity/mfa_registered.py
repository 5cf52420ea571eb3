from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.rules.identity.mfa_removed import ROOT_USER
from trailbell.testing import KEY, Identity, iam_call, role, root, service, user

CREATE = "iam:CreateVirtualMFADevice"
ENABLE = "iam:EnableMFADevice"
WORDS = {
    CREATE: ("created", "create"),
    ENABLE: ("registered", "register"),
    "iam:ResyncMFADevice": ("synchronized", "synchronize"),
}


class MfaRegistered(Rule):
    """A second factor (MFA device) was registered.

    Normal when somebody starts or replaces a phone. But whoever has stolen a session registers a
    device of their own, to pass for the user from then on. So it is most severe when an IAM user
    does it with temporary credentials that are not those of the console, and more severe than
    usual when it is done for another user.

    Ask the owner whether the device is theirs. It is noisy where people work with temporary
    credentials on the command line and register their devices from there.
    """

    id = "mfa-registered"
    severity = Severity.LOW
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Ask the owner if this device is theirs. If not, remove it now."
    many = "registered MFA devices"
    attack = "T1098.005"
    references = (
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html",
        "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateVirtualMFADevice.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        if from_elsewhere(event):
            return Severity.HIGH
        owner = owner_of(event)
        return self.severity if not owner or is_own(event) else Severity.MEDIUM

    def title(self, event: Event) -> Text:
        past, infinitive = WORDS.get(event.action, WORDS[ENABLE])
        device = serial_of(event).rpartition("/")[2]
        if event.action == CREATE:
            which = say("virtual MFA device {}", device) if device else say("a virtual MFA device")
            return did(event, past, infinitive, "{}", which)
        if is_own(event):
            which = say("their own MFA device {}", device) if device else say("their MFA device")
            return did(event, past, infinitive, "{}", which)
        which = say("MFA device {}", device) if device else say("an MFA device")
        owner = owner_of(event)
        whose = say("the root user") if owner == ROOT_USER else user_named(owner)
        link = "for" if event.action == ENABLE else "of"
        return did(event, past, infinitive, f"{{}} {link} {{}}", which, whose)

    def details(self, event: Event) -> tuple[Line, ...]:
        serial = serial_of(event)
        lines = [Line("Device", say("{}", serial))] if "/" in serial else []
        if from_elsewhere(event):
            lines.append(Line("Session", say("temporary credentials from outside the console")))
        return tuple(lines)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if event.action != ENABLE or self.severity_of(event) == self.severity:
            return ()
        return (
            aws(
                "iam deactivate-mfa-device --user-name {user} --serial-number {mfa}",
                user=owner_of(event),
                mfa=serial_of(event),
            ),
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "one's own, in the console",
            enable("bob", by=user("bob", accessKeyId="ASIAIOSFODNN7EXAMPLE"), console="true"),
            "bob registered their own MFA device bobs-phone",
            Severity.LOW,
        )
        yield Rings(
            "one's own, with a session from outside the console",
            enable("bob", by=user("bob", accessKeyId="ASIAIOSFODNN7EXAMPLE")),
            "bob registered their own MFA device bobs-phone",
            Severity.HIGH,
        )
        yield Rings(
            "one's own, with a lasting key",
            enable("bob", by=user("bob", accessKeyId=KEY)),
            "bob registered their own MFA device bobs-phone",
            Severity.LOW,
        )
        yield Rings(
            "for another user",
            enable("bob", by="mallory"),
            "mallory registered MFA device bobs-phone for bob",
            Severity.MEDIUM,
        )
        yield Rings(
            "the root user's",
            iam_call(
                "EnableMFADevice",
                by=root(),
                request={
                    "userName": ROOT_USER,
                    "serialNumber": "arn:aws:iam::111122223333:mfa/root-account-mfa-device",
                },
            ),
            "The root user registered their own MFA device root-account-mfa-device",
            Severity.LOW,
        )
        yield Rings(
            "a virtual device, whose user the call does not name",
            iam_call(
                "CreateVirtualMFADevice",
                by=role("deploy", "build-42"),
                request={"virtualMFADeviceName": "bobs-phone", "path": "/"},
                virtualMFADevice={"serialNumber": "arn:aws:iam::111122223333:mfa/bobs-phone"},
            ),
            "deploy/build-42 created virtual MFA device bobs-phone",
            Severity.LOW,
        )
        yield Rings(
            "a virtual device in a record without request and answer",
            iam_call("CreateVirtualMFADevice", by="alice"),
            "alice created a virtual MFA device",
            Severity.LOW,
        )
        yield Rings(
            "a device that had gone out of step",
            iam_call(
                "ResyncMFADevice",
                by="alice",
                request={"userName": "bob", "serialNumber": "GAHT12345678"},
            ),
            "alice synchronized MFA device GAHT12345678 of bob",
            Severity.MEDIUM,
        )
        yield Rings(
            "a record that names neither user nor device",
            iam_call("EnableMFADevice", by=role("deploy", "build-42")),
            "deploy/build-42 registered an MFA device for an unknown user",
            Severity.LOW,
        )
        yield Quiet(
            "a refused attempt", iam_call("EnableMFADevice", by="mallory", error="AccessDenied")
        )
        yield Quiet("AWS itself", enable("bob", by=service("support")))


def is_own(event: Event) -> bool:
    """Whether the device is the caller's own."""
    owner = owner_of(event)
    return owner == event.actor.name or (owner == ROOT_USER and event.identity == "Root")


def from_elsewhere(event: Event) -> bool:
    """Whether an IAM user came with a session that is not of the console."""
    return (
        event.identity == "IAMUser"
        and event.text("userIdentity.accessKeyId").startswith("ASIA")
        and not event.flag("sessionCredentialFromConsole")
    )


def serial_of(event: Event) -> str:
    """The device's serial number, or the name under which it was created."""
    return (
        event.text("requestParameters.serialNumber")
        or event.text("responseElements.virtualMFADevice.serialNumber")
        or event.text("requestParameters.virtualMFADeviceName")
    )


def enable(name: str, *, by: Identity | str, console: str = "") -> Event:
    serial = "arn:aws:iam::111122223333:mfa/bobs-phone"
    event = iam_call("EnableMFADevice", by=by, request={"userName": name, "serialNumber": serial})
    if console:
        event.raw["sessionCredentialFromConsole"] = console
    return event
