from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import READ_ONLY, Quiet, Rings, Rule, did, listed
from trailbell.testing import OTHER_ACCOUNT, call, person, root, service, sign_in

ASSUME_ROOT = "sts:AssumeRoot"
SIGN_IN = "signin:ConsoleLogin"


class RootActivity(Rule):
    """The root user changed something, or somebody took root rights over a member account.

    No policy limits root in its own account, and very few tasks need it, so that each of its
    calls is an exception that somebody should be able to explain. `sts:AssumeRoot` gives the
    management account short-term root rights over a member: the same exception from afar.

    Ask the keeper of the root mailbox what the task was. A refused call often means that a
    service control policy did its work. Sign-ins have rules of their own, and calls that AWS
    makes for root do not ring. One root session in the console makes many calls.
    """

    id = "root-activity"
    severity = Severity.HIGH
    actions = ("sts:AssumeRoot",)
    identities = ("Root",)
    failed_calls = "report-lower"
    check_first = "Ask the keeper of the root mailbox which task this was. Nobody knows? Lock root."
    many = "called AWS"
    attack = "T1078.004"
    cis: ClassVar = {
        "1.2": "3.3",
        "1.4-5.0": "4.3",
        "6.0-7.0": "5.3",
        "securityhub": "CloudWatch.1",
    }
    references = (
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-track-privileged-tasks.html",
    )
    since = "0.1.0"

    allow_events: tuple[str, ...] = ("CreateServiceLinkedRole",)
    """Calls (globs) that are no news: ``CreateServiceLinkedRole`` or ``iam:Create*``."""
    include_reads: bool = False
    """Whether calls that only read ring too."""

    def may_want(self, text: str) -> bool:
        return self.include_reads or READ_ONLY not in text

    def glance(self, raw: dict[str, Any]) -> bool:
        return self.include_reads or raw.get("readOnly") is not True

    def match(self, event: Event) -> bool:
        action = event.action
        if action != ASSUME_ROOT and (
            event.identity != "Root"
            or action == SIGN_IN
            or event.text("userIdentity.invokedBy")
            or event.text("eventType") == "AwsServiceEvent"
            or (event.read_only and not self.include_reads)
        ):
            return False
        operation = action.rpartition(":")[2]
        return not listed(operation, self.allow_events) and not listed(action, self.allow_events)

    def title(self, event: Event) -> Text:
        if event.action == ASSUME_ROOT:
            # An account's number or the ARN of its root user: arn:aws:iam::111122223333:root
            target = event.text("requestParameters.targetPrincipal").removesuffix(":root")
            account = target.rpartition(":")[2]
            what, values = ("account {}", [account]) if account else ("a member account", [])
            return did(event, "took", "take", f"root rights over {what}", *values)
        if not event.action:
            return did(event, "made", "make", "a call that the record does not name")
        return did(event, "called", "call", "{}", event.action)

    def details(self, event: Event) -> tuple[Line, ...]:
        task = event.text("requestParameters.taskPolicyArn.arn").rpartition("/")[2]
        if event.action == ASSUME_ROOT and task:
            return (Line("Task", say("{}", task)),)
        if event.flag("userIdentity.sessionContext.assumedRoot"):
            return (Line("Session", say("root rights taken from the organization (AssumeRoot)")),)
        return ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "root changes something",
            call("s3:DeleteBucketPolicy", by=root(), request={"bucketName": "example-logs"}),
            "The root user called s3:DeleteBucketPolicy",
            Severity.HIGH,
        )
        yield Rings(
            "a refused call: a service control policy did its work",
            call("ec2:RunInstances", by=root(), error="Client.UnauthorizedOperation"),
            "The root user tried to call ec2:RunInstances and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "root rights over a member account",
            call(
                ASSUME_ROOT,
                by=person("carol@example.com", "Admin"),
                request={
                    "targetPrincipal": OTHER_ACCOUNT,
                    "taskPolicyArn": {
                        "arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"
                    },
                },
            ),
            "carol@example.com took root rights over account 444455556666",
            Severity.HIGH,
        )
        yield Rings(
            "refused root rights, whose request is not recorded",
            call(ASSUME_ROOT, by="mallory", error="AccessDenied"),
            "mallory tried to take root rights over a member account and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "what was done with such rights",
            call(
                "s3:DeleteBucketPolicy",
                by=root(account=OTHER_ACCOUNT, sessionContext={"assumedRoot": "true"}),
                request={"bucketName": "example-logs"},
            ),
            "The root user called s3:DeleteBucketPolicy",
        )
        yield Rings(
            "a record without a name is told all the same",
            call("s3:PutObject", by=root(), eventName=None, readOnly=None),
            "The root user made a call that the record does not name",
        )
        yield Quiet("a call that only reads", call("s3:ListBuckets", by=root()))
        yield Quiet(
            "reading, in a record without the flag",
            call("ec2:DescribeInstances", by=root(), readOnly=None),
        )
        yield Quiet(
            "a role that AWS makes for its services",
            call("iam:CreateServiceLinkedRole", by=root()),
        )
        yield Quiet(
            "AWS, for root",
            call("kms:CreateGrant", by=root(invokedBy="backup.amazonaws.com")),
        )
        yield Quiet(
            "an event of a service",
            call("kms:RotateKey", by=root(), eventType="AwsServiceEvent"),
        )
        yield Quiet("a sign-in has a rule of its own", sign_in(by=root()))
        yield Quiet("not root", call("s3:DeleteBucketPolicy", by="alice"))
        yield Quiet("AWS itself", call("s3:DeleteBucketPolicy", by=service("config")))
