from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trailbell.actor import HIDDEN
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.activity._calls import call_listed, deed
from trailbell.rules.base import READ_ONLY, Quiet, Rings, Rule, listed
from trailbell.testing import call, person, root, service, sign_in, user

TELLING = ("userName", "roleName", "groupName", "roleArn", "bucketName", "groupId", "queueUrl")
"""Of several names in a request, the first of these says best what it was about."""
ENDINGS = ("name", "arn", "identifier", "id")
"""How other parameters end that hold a name. Tokens, passwords and documents end otherwise."""
NOT_TOLD = ("attributeName", "externalId")
"""Says how, not to what; and a secret shared with a partner."""


class IamUserActivity(Rule):
    """An IAM user changed something.

    Not a detection but a window: each call by an IAM user that is more than reading, so that a
    small team sees its own hands at work. Where another rule has more to say of the same event,
    that rule speaks and this one keeps quiet.

    Look at who it was and whether you know the address. Noisy where pipelines use IAM users: put
    those into `ignore_users`, or mute them.
    """

    id = "iam-user-activity"
    severity = Severity.INFO
    passes_over_own = True
    identities = ("IAMUser",)
    gives_way = True
    many = "called AWS"
    attack = "T1078.004"
    references = ("https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users.html",)
    since = "0.1.0"

    ignore_users: tuple[str, ...] = ()
    """Users (globs) whose calls are no news."""
    ignore_sources: tuple[str, ...] = ("health.amazonaws.com",)
    """Services (globs) whose calls are no news, as eventSource has them."""
    ignore_events: tuple[str, ...] = ("GetBucketLocation",)
    """Calls (globs) that are no news: ``TagUser`` or ``iam:TagUser``."""
    ignore_ips: tuple[str, ...] = ("AWS Internal",)
    """Addresses (globs, such as ``192.0.2.*``) from which calls are no news."""
    include_reads: bool = False
    """Whether calls that only read ring too."""

    def may_want(self, text: str) -> bool:
        return self.include_reads or READ_ONLY not in text

    def glance(self, raw: dict[str, Any]) -> bool:
        return self.include_reads or raw.get("readOnly") is not True

    def match(self, event: Event) -> bool:
        return (
            event.identity == "IAMUser"
            and (self.include_reads or not event.read_only)
            and not listed(event.source, self.ignore_sources)
            and not call_listed(event, self.ignore_events)
            and not listed(event.ip, self.ignore_ips)
            and not listed(event.actor.name, self.ignore_users)
        )

    def title(self, event: Event) -> Text:
        return deed(event)

    def details(self, event: Event) -> tuple[Line, ...]:
        target = target_of(event)
        return (Line("Target", say("{}", target)),) if target else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a call",
            call("iam:TagUser", by="alice", request={"tags": [], "userName": "bob"}),
            "alice called iam:TagUser",
            Severity.INFO,
        )
        yield Rings(
            "a refused call, whose request is null",
            call("ec2:RunInstances", by="alice", error="Client.UnauthorizedOperation"),
            "alice tried to call ec2:RunInstances and was refused",
            Severity.INFO,
        )
        yield Rings(
            "a call that failed",
            call("s3:CreateBucket", by="alice", error="BucketAlreadyExists"),
            "alice tried to call s3:CreateBucket but the call failed",
        )
        yield Rings("a sign-in", sign_in(by="alice"), "alice signed in to the console")
        yield Rings(
            "a sign-in with a name that does not exist",
            sign_in(
                by={"type": "IAMUser", "userName": HIDDEN},
                failure="No username found in supplied account",
            ),
            "An unknown user failed to sign in to the console",
        )
        yield Rings(
            "CloudFormation, for a user",
            call("sqs:CreateQueue", by=user("alice", invokedBy="cloudformation.amazonaws.com")),
            "alice called sqs:CreateQueue",
        )
        yield Rings(
            "a user without a name",
            call("sqs:CreateQueue", by=user("alice", userName=None)),
            "alice called sqs:CreateQueue",
        )
        yield Rings(
            "a user with nothing but a key",
            call("sqs:CreateQueue", by={"type": "IAMUser", "accessKeyId": "AKIAIOSFODNN7EXAMPLE"}),
            "AKIAIOSFODNN7EXAMPLE called sqs:CreateQueue",
        )
        yield Rings(
            "a record without a name is told all the same",
            call("sqs:CreateQueue", by="alice", eventName=None, readOnly=None),
            "alice made a call that the record does not name",
        )
        yield Quiet("a call that only reads", call("s3:ListBuckets", by="alice"))
        yield Quiet(
            "reading, in a record without the flag",
            call("ec2:DescribeInstances", by="alice", readOnly=None),
        )
        yield Quiet("an ignored call", call("s3:GetBucketLocation", by="alice", readOnly=False))
        yield Quiet("an ignored service", call("health:EnableAccess", by="alice"))
        yield Quiet(
            "the console, behind the scenes",
            call("sqs:CreateQueue", by="alice", sourceIPAddress="AWS Internal"),
        )
        yield Quiet(
            "somebody from Identity Center",
            call("sqs:CreateQueue", by=person("bob@example.com")),
        )
        yield Quiet("root", call("sqs:CreateQueue", by=root()))
        yield Quiet("AWS itself", call("sqs:CreateQueue", by=service("config")))


def target_of(event: Event) -> str:
    """The name in the request that says best what the call was about; "" where there is none."""
    request = event.get("requestParameters")
    if not isinstance(request, dict):
        return ""
    named = [key for end in ENDINGS for key in request if key.lower().endswith(end)]
    for key in (*TELLING, *named):
        value = request.get(key) if key not in NOT_TOLD else None
        if isinstance(value, str) and 0 < len(value) <= 200 and value != HIDDEN:
            return value
    return ""
