from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.first_aid import aws
from trailbell.model import Event, Severity, Text
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.logging._deed import Deed
from trailbell.testing import call, role, service, user

STOP = "config:StopConfigurationRecorder"


def deed(past: str, infinitive: str, kind: str, *fields: str) -> Deed:
    article = "an" if kind[0] in "aeioA" else "a"
    return Deed(past, infinitive, "{}", f"the {kind} {{}}", "", f"{article} {kind}", fields)


def deleted(kind: str, *fields: str) -> Deed:
    return deed("deleted", "delete", kind, *fields)


RECORDER = "AWS Config recorder", "configurationRecorderName", "configurationRecorder.name"
CHANNEL = "AWS Config delivery channel", "deliveryChannelName", "deliveryChannel.name"
RECORDING = {
    STOP: deed("stopped", "stop", *RECORDER),
    "config:DeleteConfigurationRecorder": deleted(*RECORDER),
    "config:DeleteDeliveryChannel": deleted(*CHANNEL),
}
"""What ends the history."""
SETTINGS = {
    "config:PutConfigurationRecorder": deed("set up", "set up", *RECORDER),
    "config:PutDeliveryChannel": deed("set up", "set up", *CHANNEL),
}
DEEDS = {
    **RECORDING,
    **SETTINGS,
    "config:DeleteConfigRule": deleted("AWS Config rule", "configRuleName"),
    "config:DeleteOrganizationConfigRule": deleted(
        "organization's AWS Config rule", "organizationConfigRuleName"
    ),
    "config:DeleteConformancePack": deleted("conformance pack", "conformancePackName"),
    "config:DeleteEvaluationResults": Deed(
        "deleted", "delete", "{}",
        "the results of the AWS Config rule {}", "", "the results of an AWS Config rule",
        ("configRuleName",),
    ),
    "config:DeleteConfigurationAggregator": deleted(
        "AWS Config aggregator", "configurationAggregatorName"
    ),
    "config:DeleteRemediationConfiguration": Deed(
        "removed", "remove", "{}",
        "the remedy of the AWS Config rule {}", "", "the remedy of an AWS Config rule",
        ("configRuleName",),
    ),
    "config:DeleteRetentionConfiguration": deleted(
        "AWS Config retention setting", "retentionConfigurationName"
    ),
}  # fmt: skip
BY_DESIGN = frozenset(
    f"{name}.amazonaws.com" for name in ("securityhub", "fms", "controltower", "config-conforms")
)
"""Services that set up and remove rules of AWS Config as their job."""


class ConfigTampered(Rule):
    """AWS Config was stopped, or what it records or checks was cut down.

    AWS Config keeps the history of how each resource was set up, and checks it by rules. Without
    its recorder nobody can say later what an intruder changed; without a rule nobody is told.

    Start the recorder again, then look at what changed while it stood still. Rules that are
    deleted ring as medium, settings of recorder and channel as low, for the record. It is noisy
    while accounts are set up or closed; what Security Hub, Firewall Manager, Control Tower and
    conformance packs do for themselves stays quiet.
    """

    id = "config-tampered"
    severity = Severity.HIGH
    actions = tuple(DEEDS)
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Was this planned? If not, start the recorder again before anything else."
    many = "cut down AWS Config"
    attack = "T1562.008"
    cis: ClassVar = {
        "1.2": "3.9",
        "1.4-5.0": "4.9",
        "6.0-7.0": "5.9",
        "securityhub": "CloudWatch.9",
    }
    references = (
        "https://docs.aws.amazon.com/config/latest/developerguide/stop-start-recorder.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return event.text("userIdentity.invokedBy") not in BY_DESIGN

    def severity_of(self, event: Event) -> Severity:
        if event.action in RECORDING:
            return self.severity
        return Severity.LOW if event.action in SETTINGS else Severity.MEDIUM

    def title(self, event: Event) -> Text:
        return DEEDS.get(event.action, DEEDS[STOP]).title(event)

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if event.action != STOP or not event.succeeded:
            return ()
        command = aws(
            "configservice start-configuration-recorder"
            " --configuration-recorder-name {name} --region {region}",
            name=event.text("requestParameters.configurationRecorderName"),
            region=event.region,
        )
        return (command,)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        recorder = {"configurationRecorderName": "default"}
        yield Rings(
            "recorder stopped",
            call(STOP, by="mallory", request=recorder),
            "mallory stopped the AWS Config recorder default",
            Severity.HIGH,
        )
        yield Rings(
            "a refused attempt that is recorded without its parameters",
            call(STOP, by="mallory", error="AccessDenied"),
            "mallory tried to stop an AWS Config recorder and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "recorder deleted, by a stack",
            call(
                "config:DeleteConfigurationRecorder",
                by=role("deploy", "build-42") | {"invokedBy": "cloudformation.amazonaws.com"},
                request=recorder,
            ),
            "deploy/build-42 deleted the AWS Config recorder default",
            Severity.HIGH,
        )
        yield Rings(
            "nothing is delivered any more",
            call(
                "config:DeleteDeliveryChannel",
                by="mallory",
                request={"deliveryChannelName": "default"},
            ),
            "mallory deleted the AWS Config delivery channel default",
            Severity.HIGH,
        )
        yield Rings(
            "a rule deleted",
            call("config:DeleteConfigRule", by="alice", request={"configRuleName": "s3-public"}),
            "alice deleted the AWS Config rule s3-public",
            Severity.MEDIUM,
        )
        yield Rings(
            "an organization's rule deleted, in a record that does not name it",
            call("config:DeleteOrganizationConfigRule", by="alice"),
            "alice deleted an organization's AWS Config rule",
            Severity.MEDIUM,
        )
        yield Rings(
            "what a rule had found",
            call(
                "config:DeleteEvaluationResults", by="alice", request={"configRuleName": "s3-acl"}
            ),
            "alice deleted the results of the AWS Config rule s3-acl",
        )
        yield Rings(
            "a recorder set up, for the record",
            call(
                "config:PutConfigurationRecorder",
                by="alice",
                request={"configurationRecorder": {"name": "default", "roleARN": "arn:aws:iam::1"}},
            ),
            "alice set up the AWS Config recorder default",
            Severity.LOW,
        )
        yield Rings(
            "a channel set up, for the record",
            call(
                "config:PutDeliveryChannel",
                by="alice",
                request={"deliveryChannel": {"name": "default", "s3BucketName": "example-logs"}},
            ),
            "alice set up the AWS Config delivery channel default",
            Severity.LOW,
        )
        yield Quiet(
            "Security Hub removes a rule of its own",
            call(
                "config:DeleteConfigRule",
                by=user("alice", invokedBy="securityhub.amazonaws.com"),
                request={"configRuleName": "securityhub-s3-1"},
            ),
        )
        yield Quiet(
            "a mistake deleted nothing",
            call(
                "config:DeleteDeliveryChannel", by="alice", error="NoSuchDeliveryChannelException"
            ),
        )
        yield Quiet("AWS itself", call(STOP, by=service("config"), request=recorder))
