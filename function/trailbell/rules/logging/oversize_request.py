from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.policy import omitted
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.testing import call, role, service

REASON = "requestParameters too large"


class OversizeRequest(Rule):
    """A request to IAM was too large for CloudTrail to record.

    CloudTrail leaves out parameters of more than 100 KB. The call is made all the same, so that a
    policy stuffed with spaces is in force and in no record: neither this rule nor a person can
    read there what it allows.

    Look at the thing itself in IAM, by the user, group, role or policy that this actor changed at
    that time. Hardly anything honest needs so large a request.
    """

    id = "oversize-request"
    severity = Severity.MEDIUM
    gate = f'"{REASON}"'
    failed_calls = "ignore"
    service_calls = "drop-aws"
    check_first = "Look in IAM at what this actor changed: no record of it can show it."
    many = "sent requests too large to be recorded"
    attack = "T1562.008"
    references = (
        "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
        "cloudtrail-event-reference-record-contents.html",
    )
    since = "0.1.0"

    def glance(self, raw: dict[str, Any]) -> bool:
        parameters = raw.get("requestParameters")
        return parameters.__class__ is dict and "omitted" in parameters

    def match(self, event: Event) -> bool:
        return (
            event.source == "iam.amazonaws.com"
            and event.text("requestParameters.reason") == REASON
            and omitted(event.get("requestParameters"))
        )

    def title(self, event: Event) -> Text:
        rest = "with a request too large to be recorded"
        if not event.action:
            return did(event, "called", "call", f"IAM {rest}")
        return did(event, "called", "call", f"{{}} {rest}", event.action)

    def details(self, event: Event) -> tuple[Line, ...]:
        size = event.text("requestParameters.originalSize")
        return (Line("Size", say("{} bytes", size)),) if size else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        too_large = {"omitted": True, "originalSize": 110000, "reason": REASON}
        yield Rings(
            "a policy that nobody can read",
            call("iam:PutRolePolicy", by="mallory", request=too_large),
            "mallory called iam:PutRolePolicy with a request too large to be recorded",
            Severity.MEDIUM,
        )
        yield Rings(
            "the same from a stack",
            call(
                "iam:PutRolePolicy",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request=too_large,
            ),
            "deploy/build-42 called iam:PutRolePolicy with a request too large to be recorded",
        )
        yield Quiet(
            "a policy that can be read",
            call(
                "iam:PutRolePolicy",
                by="alice",
                request={"roleName": "r", "policyDocument": '{"Statement": []}'},
            ),
        )
        yield Quiet(
            "left out for another reason",
            call("iam:PutRolePolicy", by="alice", request={"omitted": True, "reason": "other"}),
        )
        yield Quiet(
            "said, and not left out",
            call("iam:PutRolePolicy", by="alice", request={"omitted": False, "reason": REASON}),
        )
        yield Quiet(
            "another service, with large requests by nature",
            call("dynamodb:BatchWriteItem", by="alice", request=too_large),
        )
        yield Quiet(
            "a refused request changed nothing",
            call("iam:PutRolePolicy", by="mallory", request=too_large, error="AccessDenied"),
        )
        yield Quiet("no parameters", call("iam:PutRolePolicy", by="alice"))
        yield Quiet("AWS itself", call("iam:PutRolePolicy", by=service("sso"), request=too_large))
