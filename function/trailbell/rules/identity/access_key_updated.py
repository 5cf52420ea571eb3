from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import deactivate_key, stop_key
from trailbell.model import Event, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.identity._owner import owner_of, user_named
from trailbell.testing import iam_call, person, role, service


class AccessKeyUpdated(Rule):
    """An access key was activated or deactivated.

    A key that was switched off as leaked or unused works again once somebody activates it, and no
    new key shows up anywhere. Deactivating one is mostly the response to an incident, and told
    only as information.

    Check why the key had been inactive and who uses it now. It is noisy where keys are rotated
    often: the old key is deactivated each time.
    """

    id = "access-key-updated"
    severity = Severity.MEDIUM
    actions = ("iam:UpdateAccessKey",)
    failed_calls = "ignore"
    service_calls = "drop-aws"
    many = "activated or deactivated access keys"
    attack = "T1098.001"
    references = ("https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html",)
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def severity_of(self, event: Event) -> Severity:
        return Severity.INFO if status_of(event) == "inactive" else self.severity

    def title(self, event: Event) -> Text:
        status = status_of(event)
        if status == "active":
            past, infinitive = "activated", "activate"
        elif status == "inactive":
            past, infinitive = "deactivated", "deactivate"
        else:
            past, infinitive = "changed the status of", "change the status of"
        key = event.text("requestParameters.accessKeyId")
        owner = owner_of(event)
        if owner == event.actor.name:
            which = say("their own access key {}", key) if key else say("their own access key")
            return did(event, past, infinitive, "{}", which)
        which = say("access key {}", key) if key else say("an access key")
        return did(event, past, infinitive, "{} of {}", which, user_named(owner))

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if status_of(event) == "inactive":
            return ()
        key = event.text("requestParameters.accessKeyId")
        return deactivate_key(owner_of(event), key), stop_key(event)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a key that works again",
            iam_call(
                "UpdateAccessKey",
                by=person("alice@example.com"),
                request={
                    "userName": "bob",
                    "accessKeyId": "AKIAI44QH8DHBEXAMPLE",
                    "status": "Active",
                },
            ),
            "alice@example.com activated access key AKIAI44QH8DHBEXAMPLE of bob",
            Severity.MEDIUM,
        )
        yield Rings(
            "a key that was switched off",
            iam_call(
                "UpdateAccessKey",
                by=role("rotation", "daily"),
                request={
                    "userName": "bob",
                    "accessKeyId": "AKIAI44QH8DHBEXAMPLE",
                    "status": "Inactive",
                },
            ),
            "rotation/daily deactivated access key AKIAI44QH8DHBEXAMPLE of bob",
            Severity.INFO,
        )
        yield Rings(
            "one's own key, in which case the request names no user",
            iam_call(
                "UpdateAccessKey",
                by="alice",
                request={"accessKeyId": "AKIAI44QH8DHBEXAMPLE", "status": "Inactive"},
            ),
            "alice deactivated their own access key AKIAI44QH8DHBEXAMPLE",
            Severity.INFO,
        )
        yield Rings(
            "without a status it counts as activated",
            iam_call(
                "UpdateAccessKey",
                by="mallory",
                request={"userName": "bob", "accessKeyId": "AKIAI44QH8DHBEXAMPLE"},
            ),
            "mallory changed the status of access key AKIAI44QH8DHBEXAMPLE of bob",
            Severity.MEDIUM,
        )
        yield Rings(
            "a role cannot have meant itself",
            iam_call("UpdateAccessKey", by=role("deploy", "build-42")),
            "deploy/build-42 changed the status of an access key of an unknown user",
            Severity.MEDIUM,
        )
        yield Quiet(
            "a refused attempt", iam_call("UpdateAccessKey", by="mallory", error="AccessDenied")
        )
        yield Quiet(
            "AWS itself",
            iam_call(
                "UpdateAccessKey",
                by=service("support"),
                request={"userName": "bob", "status": "Active"},
            ),
        )


def status_of(event: Event) -> str:
    return event.text("requestParameters.status").lower()
