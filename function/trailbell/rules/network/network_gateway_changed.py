from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.testing import call

WORDS = {
    "ec2:CreateInternetGateway": "{} created {}",
    "ec2:AttachInternetGateway": "{} attached {} to {}",
    "ec2:DetachInternetGateway": "{} detached {} from {}",
    "ec2:DeleteInternetGateway": "{} deleted {}",
    "ec2:CreateCustomerGateway": "{} created {}",
    "ec2:DeleteCustomerGateway": "{} deleted {}",
}


class NetworkGatewayChanged(Rule):
    """An internet gateway or a customer gateway was created, attached or removed.

    The record of each change that the CIS benchmark asks for. An internet gateway connects a VPC
    to the internet, a customer gateway is the far end of a VPN.

    Check a gateway on a VPC that was meant to be private. It is off because whoever sets up
    networks by code creates gateways along with them.
    """

    id = "network-gateway-changed"
    severity = Severity.LOW
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed network gateways"
    attack = "T1562.007"
    cis: ClassVar = {
        "1.2": "3.12",
        "1.4-5.0": "4.12",
        "6.0-7.0": "5.12",
        "securityhub": "CloudWatch.12",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        words = WORDS.get(event.action, "{} changed {}")
        if "Customer" in event.name:
            gateway = named("customer gateway", gateway_of(event, "customerGateway"))
        else:
            gateway = named("internet gateway", gateway_of(event, "internetGateway"))
        if words.count("{}") < 3:
            return say(words, event.actor, gateway)
        return say(words, event.actor, gateway, named("VPC", first_text(event, "vpcId")))

    def details(self, event: Event) -> tuple[Line, ...]:
        address = first_text(event, "ipAddress", "responseElements.customerGateway.ipAddress")
        return (Line("Far end", say("{}", address)),) if address else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        attached = {
            "internetGatewayId": "igw-02a84e4222d62e16b",
            "vpcId": "vpc-06fe1a64761a0f720",
        }
        yield Rings(
            "a VPC gets connected to the internet",
            call("ec2:AttachInternetGateway", request=attached, response={"_return": True}),
            "alice attached internet gateway igw-02a84e4222d62e16b to VPC vpc-06fe1a64761a0f720",
            Severity.LOW,
        )
        yield Rings(
            "and cut off from it",
            call("ec2:DetachInternetGateway", request=attached),
            "alice detached internet gateway igw-02a84e4222d62e16b from VPC vpc-06fe1a64761a0f720",
        )
        yield Rings(
            "a new one, whose id is in the answer",
            call(
                "ec2:CreateInternetGateway",
                request={"tagSpecificationSet": {}},
                response={"internetGateway": {"internetGatewayId": "igw-02a84e4222d62e16b"}},
            ),
            "alice created internet gateway igw-02a84e4222d62e16b",
        )
        yield Rings(
            "the far end of a VPN",
            call(
                "ec2:CreateCustomerGateway",
                request={"type": "ipsec.1", "ipAddress": "203.0.113.7"},
                response={"customerGateway": {"customerGatewayId": "cgw-0e11f167"}},
            ),
            "alice created customer gateway cgw-0e11f167",
        )
        yield Rings(
            "one that the record does not name",
            call("ec2:DeleteCustomerGateway"),
            "alice deleted an unknown customer gateway",
        )
        yield Quiet(
            "an expired request",
            call("ec2:AttachInternetGateway", request=attached, error="RequestExpired"),
        )
        yield Quiet(
            "CloudFormation, for a user",
            call("ec2:CreateInternetGateway", sourceIPAddress="cloudformation.amazonaws.com"),
        )


def gateway_of(event: Event, kind: str) -> str:
    return first_text(event, f"{kind}Id", f"responseElements.{kind}.{kind}Id")
