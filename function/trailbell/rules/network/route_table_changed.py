from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.testing import call

WORDS = {
    "ec2:CreateRoute": "{} added {} to {}",
    "ec2:ReplaceRoute": "{} replaced {} in {}",
    "ec2:DeleteRoute": "{} removed {} from {}",
    "ec2:CreateRouteTable": "{} created {}",
    "ec2:DeleteRouteTable": "{} deleted {}",
    "ec2:ReplaceRouteTableAssociation": "{} put a subnet behind {}",
    "ec2:DisassociateRouteTable": "{} took a subnet off its route table",
}
DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
HOPS = (
    "gatewayId", "natGatewayId", "transitGatewayId", "vpcPeeringConnectionId", "networkInterfaceId",
    "instanceId", "egressOnlyInternetGatewayId", "vpcEndpointId", "localGatewayId",
    "carrierGatewayId", "coreNetworkArn",
)  # fmt: skip


class RouteTableChanged(Rule):
    """A route table was created, changed or deleted.

    The record of each change that the CIS benchmark asks for. A route decides where traffic
    goes: out to the internet, around an inspection, or through somebody else's machine.

    Check a new way to 0.0.0.0/0 or ::/0 from a subnet that was meant to be private. It is off
    because whoever sets up networks by code creates routes along with them.
    """

    id = "route-table-changed"
    severity = Severity.LOW
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed routes"
    attack = "T1562.007"
    cis: ClassVar = {
        "1.2": "3.13",
        "1.4-5.0": "4.13",
        "6.0-7.0": "5.13",
        "securityhub": "CloudWatch.13",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        words = WORDS.get(event.action, "{} changed {}")
        name = first_text(event, "routeTableId", "responseElements.routeTable.routeTableId")
        table = named("route table", name)
        places = words.count("{}")
        if places == 1:
            return say(words, event.actor)
        if places == 2:
            return say(words, event.actor, table)
        destination = first_text(event, *DESTINATIONS)
        route = say("the route to {}", destination) if destination else say("a route")
        return say(words, event.actor, route, table)

    def details(self, event: Event) -> tuple[Line, ...]:
        hop = first_text(event, *HOPS)
        if hop:
            return (Line("Through", say("{}", hop)),)
        link = first_text(event, "associationId")
        return (Line("Link", say("{}", link)),) if link else ()

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        table = {"routeTableId": "rtb-0c7c2f4aff3677054"}
        route = {**table, "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-02a84e4222d62e16b"}
        yield Rings(
            "a way to the internet",
            call("ec2:CreateRoute", request=route, response={"_return": True}),
            "alice added the route to 0.0.0.0/0 to route table rtb-0c7c2f4aff3677054",
            Severity.LOW,
        )
        yield Rings(
            "another way to it",
            call("ec2:ReplaceRoute", request=route),
            "alice replaced the route to 0.0.0.0/0 in route table rtb-0c7c2f4aff3677054",
        )
        yield Rings(
            "a way over IPv6, no more",
            call("ec2:DeleteRoute", request={**table, "destinationIpv6CidrBlock": "::/0"}),
            "alice removed the route to ::/0 from route table rtb-0c7c2f4aff3677054",
        )
        yield Rings(
            "a new table, whose id is in the answer",
            call(
                "ec2:CreateRouteTable",
                request={"vpcId": "vpc-06fe1a64761a0f720"},
                response={"routeTable": table},
            ),
            "alice created route table rtb-0c7c2f4aff3677054",
        )
        yield Rings(
            "a subnet that gets another table",
            call(
                "ec2:ReplaceRouteTableAssociation",
                request={**table, "associationId": "rtbassoc-06c42ea03f0967f18"},
            ),
            "alice put a subnet behind route table rtb-0c7c2f4aff3677054",
        )
        yield Rings(
            "a subnet that gets none, in which case the table is not recorded",
            call(
                "ec2:DisassociateRouteTable",
                request={"associationId": "rtbassoc-06c42ea03f0967f18"},
            ),
            "alice took a subnet off its route table",
        )
        yield Rings(
            "a call that is recorded without its parameters",
            call("ec2:CreateRoute"),
            "alice added a route to an unknown route table",
        )
        yield Quiet("a failed call", call("ec2:CreateRoute", request=route, error="Blocked"))
        yield Quiet(
            "CloudFormation, for a user",
            call("ec2:CreateRoute", request=route, sourceIPAddress="cloudformation.amazonaws.com"),
        )
