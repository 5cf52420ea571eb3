from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules.base import Quiet, Rings, Rule, did, listed
from trailbell.rules.reconnaissance._address import address
from trailbell.testing import call, iam_call, service

SHOWN = 300  # characters of the error's message


class UnauthorizedApiCall(Rule):
    """A call was refused for want of a right.

    Whoever has found a key does not know what it may do, and tries. One refusal says nothing:
    programs and people are refused every day.

    Look at what else the actor tried. It is off by default for its noise; `access-denied-burst`
    tells the many refusals in a row that matter. Calls by AWS's own services do not ring, nor do
    strangers who are refused at a bucket.
    """

    id = "unauthorized-api-call"
    severity = Severity.LOW
    passes_over_own = True
    gate = '"errorCode"'
    failed_calls = "only-failed"
    service_calls = "drop-aws"
    on_by_default = False
    many = "was refused"
    attack = "T1580"
    cis: ClassVar = {
        "1.2": "3.1",
        "1.4-5.0": "4.1",
        "6.0-7.0": "5.1",
        "securityhub": "CloudWatch.2",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    ignore_events: tuple[str, ...] = (
        "HeadBucket",
        "GetBucketLocation",
        "DescribeEventAggregates",
        "ListResourceTags",
        "DescribeCapacityReservations",
    )
    """Calls (globs) that the console and other tools try without need: ``HeadBucket``."""
    ignore_actors: tuple[str, ...] = ()
    """Actors (globs) whose refusals are no news."""

    def match(self, event: Event) -> bool:
        if not event.denied or address(event.ip) is None:
            return False
        stranger = event.identity == "AWSAccount" and event.source == "s3.amazonaws.com"
        anonymous = event.text("userIdentity.accountId") == "ANONYMOUS_PRINCIPAL"
        return (
            not stranger
            and not anonymous
            and not listed(event.name, self.ignore_events)
            and not listed(event.actor.name, self.ignore_actors)
        )

    def title(self, event: Event) -> Text:
        if not event.action:
            return did(event, "made", "make", "a call that the record does not name")
        return did(event, "called", "call", "{}", event.action)

    def details(self, event: Event) -> tuple[Line, ...]:
        message = event.text("errorMessage")
        if len(message) > SHOWN:
            message = message[: SHOWN - 1] + "…"
        return (Line("Because", say("{}", message)),) if message else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a refused call",
            iam_call("ListUsers", by="ci-deploy", error="AccessDenied"),
            "ci-deploy tried to call iam:ListUsers and was refused",
            Severity.LOW,
        )
        yield Rings(
            "the error codes of other services",
            call("ec2:DescribeInstances", by="ci-deploy", error="Client.UnauthorizedOperation"),
            "ci-deploy tried to call ec2:DescribeInstances and was refused",
        )
        yield Rings(
            "a record that does not name the call",
            call("iam:ListUsers", by="mallory", error="AccessDenied", eventName=None),
            "mallory tried to make a call that the record does not name and was refused",
        )
        yield Quiet("a call that succeeded", iam_call("ListUsers", by="alice"))
        yield Quiet("a mistake", iam_call("GetUser", by="alice", error="NoSuchEntityException"))
        yield Quiet(
            "a service, for a user",
            call(
                "iam:CreateServiceLinkedRole",
                by="alice",
                error="AccessDenied",
                sourceIPAddress="sqs.amazonaws.com",
            ),
        )
        yield Quiet("AWS itself", call("s3:PutObject", by=service("config"), error="AccessDenied"))
        yield Quiet(
            "no address recorded",
            call("iam:ListUsers", by="alice", error="AccessDenied", sourceIPAddress=None),
        )
        yield Quiet(
            "what the console tries without need",
            call("s3:HeadBucket", by="alice", error="AccessDenied"),
        )
        yield Quiet(
            "anybody, at a bucket",
            call(
                "s3:GetObject",
                by={"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"},
                error="AccessDenied",
            ),
        )
        yield Quiet(
            "another account, at a bucket",
            call(
                "s3:GetObject",
                by={
                    "type": "AWSAccount",
                    "principalId": "AIDAEXAMPLE",
                    "accountId": "999988887777",
                },
                error="AccessDenied",
            ),
        )
