from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell import policy
from trailbell.first_aid import aws
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.data._sharing import outsiders, policy_of, quoted, whom
from trailbell.testing import call, person, service

DELETION = "kms:ScheduleKeyDeletion"
DISABLED = "kms:DisableKey"
POLICY = "kms:PutKeyPolicy"
ROTATION = "kms:DisableKeyRotation"
WORDS = {
    DISABLED: ("disabled", "disable", "{}"),
    "kms:DeleteImportedKeyMaterial": ("deleted", "delete", "the key material of {}"),
    ROTATION: ("switched off", "switch off", "the rotation of {}"),
}


class KmsKeyDisabled(Rule):
    """A KMS key was disabled, set to be deleted, or opened to outsiders.

    Without its key, everything that was encrypted with it is unreadable: at once while the key is
    disabled, for ever once it is deleted. That is how data is held to ransom without a copy of
    it. A key policy rings where it lets in anybody or another account; as that makes the data
    readable elsewhere, `resource-made-public` rings as well.

    Check what uses the key before anything else: a deletion that is scheduled can be cancelled,
    for seven to thirty days. Noisy where environments are torn down often: name their keys in
    `allow_keys`, or who does it in `allow_actors`.
    """

    id = "kms-key-disabled"
    severity = Severity.HIGH
    actions = (*WORDS, DELETION, POLICY)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Does anybody still need what this key encrypts? If so, enable it again now."
    many = "disabled or opened KMS keys"
    attack = "T1485"
    cis: ClassVar = {
        "1.2": "3.7",
        "1.4-5.0": "4.7",
        "6.0-7.0": "5.7",
        "securityhub": "CloudWatch.7",
    }
    references = ("https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",)
    since = "0.1.0"

    allow_keys: tuple[str, ...] = ()
    """Keys (globs, an id or an ARN) that may be disabled and deleted."""
    allow_actors: tuple[str, ...] = ()
    """Actors (globs) that manage keys as their job."""

    def match(self, event: Event) -> bool:
        if listed(event.actor.name, self.allow_actors):
            return False
        names = {key_of(event), event.text("requestParameters.keyId"), *arns(event)} - {""}
        if any(listed(name, self.allow_keys) for name in names):
            return False
        return event.action != POLICY or bool(let_in(event))

    def severity_of(self, event: Event) -> Severity:
        return Severity.LOW if event.action == ROTATION else self.severity

    def title(self, event: Event) -> Text:
        key = named("KMS key", key_of(event))
        if event.action == DELETION:
            days = first_text(event, "pendingWindowInDays", "responseElements.pendingWindowInDays")
            when = say("for deletion in {} days", days) if days else say("for deletion")
            return did(event, "scheduled", "schedule", "{} {}", key, when)
        if event.action == POLICY:
            if policy.public(policy_of(event)):
                return did(event, "made", "make", "{} public", key)
            found = outsiders(policy_of(event), event.account)
            who = whom(found) if found else say("an outsider")
            return did(event, "gave", "give", "{} access to {}", who, key)
        past, infinitive, rest = WORDS.get(event.action, WORDS[DISABLED])
        return did(event, past, infinitive, rest, key)

    def details(self, event: Event) -> tuple[Line, ...]:
        if event.action == POLICY:
            return quoted(let_in(event)[0]) if let_in(event) else ()
        date = event.text("responseElements.deletionDate")
        return (Line("Deletion", say("{}", date)),) if date and event.action == DELETION else ()

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded or event.action not in (DELETION, DISABLED):
            return ()
        cancel = ["cancel-key-deletion"] if event.action == DELETION else []
        return tuple(
            aws(
                f"kms {verb} --key-id {{kms_key}} --region {{region}}",
                kms_key=key_of(event),
                region=event.region,
            )
            for verb in (*cancel, "enable-key")
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        key = {"keyId": KEY}
        arn = f"arn:aws:kms:us-east-1:111122223333:key/{KEY}"
        yield Rings(
            "disabled",
            call("kms:DisableKey", by=person("alice@example.com"), request=key),
            f"alice@example.com disabled KMS key {KEY}",
            Severity.HIGH,
        )
        yield Rings(
            "on its way to be deleted",
            call(
                "kms:ScheduleKeyDeletion",
                request={"keyId": arn, "pendingWindowInDays": 7},
                response={"keyId": arn, "deletionDate": "Mar 24, 2026, 12:00:00 AM"},
            ),
            f"alice scheduled KMS key {KEY} for deletion in 7 days",
            Severity.HIGH,
        )
        yield Rings(
            "on its way to be deleted, nobody knows when",
            call("kms:ScheduleKeyDeletion", request=key),
            f"alice scheduled KMS key {KEY} for deletion",
        )
        yield Rings(
            "a key from elsewhere, of which only the hull is left",
            call("kms:DeleteImportedKeyMaterial", request=key),
            f"alice deleted the key material of KMS key {KEY}",
            Severity.HIGH,
        )
        yield Rings(
            "for anybody",
            put_policy("*"),
            f"alice made KMS key {KEY} public",
            Severity.HIGH,
        )
        yield Rings(
            "for another account",
            put_policy({"AWS": "arn:aws:iam::999988887777:root"}),
            f"alice gave account 999988887777 access to KMS key {KEY}",
            Severity.HIGH,
        )
        yield Rings(
            "no longer rotated",
            call("kms:DisableKeyRotation", request=key),
            f"alice switched off the rotation of KMS key {KEY}",
            Severity.LOW,
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            call("kms:ScheduleKeyDeletion", by="mallory", error="AccessDenied"),
            "mallory tried to schedule an unknown KMS key for deletion and was refused",
            Severity.MEDIUM,
        )
        yield Quiet("a policy for the account itself", put_policy({"AWS": "111122223333"}))
        yield Quiet(
            "a policy that is not recorded", call("kms:PutKeyPolicy", request={"omitted": True})
        )
        yield Quiet(
            "a mistake disabled nothing",
            call("kms:DisableKey", request=key, error="NotFoundException"),
        )
        yield Quiet("AWS itself", call("kms:DisableKey", by=service("support"), request=key))


def key_of(event: Event) -> str:
    """The id of the key, without what leads up to it in an ARN."""
    name = first_text(event, "keyId", "responseElements.keyId") or next(iter(arns(event)), "")
    return name.rpartition(":key/")[2]


def arns(event: Event) -> list[str]:
    """The ARNs that the record knows the key by."""
    named = [event.get("responseElements.keyId")]
    named += [row.get("ARN") for row in event.items("resources") if isinstance(row, dict)]
    return [name for name in named if isinstance(name, str) and ":key/" in name]


def let_in(event: Event) -> list[policy.Trust]:
    """Anybody and everybody else from outside whom the key's new policy lets in."""
    document = policy_of(event)
    anybody = policy.public(document)
    return [*([anybody] if anybody else []), *outsiders(document, event.account)]


KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


def put_policy(principal: object) -> Event:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": statement}
    return call("kms:PutKeyPolicy", request={"keyId": KEY, "policy": document})
