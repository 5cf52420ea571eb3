from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.testing import call

VPCS = {
    "ec2:CreateVpc": "{} created {}",
    "ec2:DeleteVpc": "{} deleted {}",
    "ec2:ModifyVpcAttribute": "{} changed the settings of {}",
    "ec2:AttachClassicLinkVpc": "{} linked an EC2-Classic instance to {}",
    "ec2:DetachClassicLinkVpc": "{} unlinked an EC2-Classic instance from {}",
    "ec2:EnableVpcClassicLink": "{} allowed EC2-Classic links to {}",
    "ec2:DisableVpcClassicLink": "{} stopped EC2-Classic links to {}",
}
PEERINGS = {
    "ec2:CreateVpcPeeringConnection": "{} asked for {}",
    "ec2:AcceptVpcPeeringConnection": "{} accepted {}",
    "ec2:RejectVpcPeeringConnection": "{} rejected {}",
    "ec2:DeleteVpcPeeringConnection": "{} deleted {}",
}

REQUESTER = "responseElements.vpcPeeringConnection.requesterVpcInfo.ownerId"


class VpcChanged(Rule):
    """A VPC was created, changed, deleted or connected to another one.

    The record of each change that the CIS benchmark asks for. A peering connection joins two
    networks, if need be with one of another account.

    Check a peering with an account that you do not know. It is off because whoever sets up
    networks by code creates VPCs all day.
    """

    id = "vpc-changed"
    severity = Severity.LOW
    actions = (*VPCS, *PEERINGS)
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed VPCs"
    attack = "T1562.007"
    cis: ClassVar = {
        "1.2": "3.14",
        "1.4-5.0": "4.14",
        "6.0-7.0": "5.14",
        "securityhub": "CloudWatch.14",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        if event.action in PEERINGS:
            peering = "vpcPeeringConnection"
            name = first_text(event, f"{peering}Id", f"responseElements.{peering}.{peering}Id")
            return say(PEERINGS[event.action], event.actor, named("VPC peering", name))
        name = first_text(event, "vpcId", "responseElements.vpc.vpcId")
        return say(VPCS.get(event.action, "{} changed {}"), event.actor, named("VPC", name))

    def details(self, event: Event) -> tuple[Line, ...]:
        found = {
            "VPC": first_text(event, "vpcId") if event.action in PEERINGS else "",
            "Peer": first_text(event, "peerVpcId"),
            "Peer account": first_text(event, "peerOwnerId", REQUESTER),
            "Range": first_text(event, "cidrBlock"),
        }
        return tuple(Line(label, say("{}", text)) for label, text in found.items() if text)

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        vpc = {"vpcId": "vpc-06fe1a64761a0f720"}
        peering = {"vpcPeeringConnectionId": "pcx-0a1b2c3d4e5f60718"}
        yield Rings(
            "a new one, whose id is in the answer",
            call(
                "ec2:CreateVpc",
                request={"cidrBlock": "10.0.0.0/16", "instanceTenancy": "default"},
                response={"vpc": {**vpc, "state": "pending"}},
            ),
            "alice created VPC vpc-06fe1a64761a0f720",
            Severity.LOW,
        )
        yield Rings(
            "one fewer",
            call("ec2:DeleteVpc", request=vpc, response={"_return": True}),
            "alice deleted VPC vpc-06fe1a64761a0f720",
        )
        yield Rings(
            "other settings",
            call("ec2:ModifyVpcAttribute", request={**vpc, "enableDnsSupport": {"value": False}}),
            "alice changed the settings of VPC vpc-06fe1a64761a0f720",
        )
        yield Rings(
            "a peering with another account",
            call(
                "ec2:CreateVpcPeeringConnection",
                request={**vpc, "peerVpcId": "vpc-0b2c3d4e", "peerOwnerId": "999988887777"},
                response={"vpcPeeringConnection": peering},
            ),
            "alice asked for VPC peering pcx-0a1b2c3d4e5f60718",
        )
        yield Rings(
            "a peering that somebody asked for",
            call(
                "ec2:AcceptVpcPeeringConnection",
                request=peering,
                response={
                    "vpcPeeringConnection": {
                        **peering,
                        "requesterVpcInfo": {"ownerId": "999988887777", "vpcId": "vpc-0b2c3d4e"},
                    }
                },
            ),
            "alice accepted VPC peering pcx-0a1b2c3d4e5f60718",
        )
        yield Rings(
            "a call that is recorded without its parameters",
            call("ec2:EnableVpcClassicLink"),
            "alice allowed EC2-Classic links to an unknown VPC",
        )
        yield Quiet(
            "a failed call",
            call("ec2:DeleteVpc", request=vpc, error="Client.DependencyViolation"),
        )
        yield Quiet(
            "CloudFormation, for a user",
            call("ec2:CreateVpc", sourceIPAddress="cloudformation.amazonaws.com"),
        )
