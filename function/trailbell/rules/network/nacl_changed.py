from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import first_text, named
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.rules.network._rules import lines_of, rules_of
from trailbell.testing import call

WORDS = {
    "ec2:CreateNetworkAcl": "{} created {}",
    "ec2:CreateNetworkAclEntry": "{} added a rule to {}",
    "ec2:DeleteNetworkAcl": "{} deleted {}",
    "ec2:DeleteNetworkAclEntry": "{} removed a rule from {}",
    "ec2:ReplaceNetworkAclEntry": "{} replaced a rule of {}",
    "ec2:ReplaceNetworkAclAssociation": "{} put a subnet behind {}",
}


class NaclChanged(Rule):
    """A network ACL was created, changed or deleted.

    The record of each change that the CIS benchmark asks for. Rules that let the internet in
    ring in `security-group-opened`, louder and without this rule.

    Nothing to do, as long as the change was planned. It is off because whoever sets up networks
    by code changes ACLs along with them.
    """

    id = "nacl-changed"
    severity = Severity.LOW
    actions = tuple(WORDS)
    failed_calls = "ignore"
    service_calls = "drop-automation"
    on_by_default = False
    many = "changed network ACLs"
    attack = "T1562.007"
    cis: ClassVar = {
        "1.2": "3.11",
        "1.4-5.0": "4.11",
        "6.0-7.0": "5.11",
        "securityhub": "CloudWatch.11",
    }
    references = (
        "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",
    )
    since = "0.1.0"

    def match(self, event: Event) -> bool:
        return True

    def title(self, event: Event) -> Text:
        name = first_text(event, "networkAclId", "responseElements.networkAcl.networkAclId")
        words = WORDS.get(event.action, WORDS["ec2:ReplaceNetworkAclEntry"])
        return say(words, event.actor, named("network ACL", name))

    def details(self, event: Event) -> tuple[Line, ...]:
        number = event.text("requestParameters.ruleNumber")
        if not number:
            return ()
        outbound = event.flag("requestParameters.egress")
        effect = event.text("requestParameters.ruleAction")
        lines = [Line("Number", say("{}, outbound" if outbound else "{}, inbound", number))]
        if effect:
            lines.append(Line("Effect", say("{}", effect)))
        return (*lines, *lines_of(rules_of(event), outbound=outbound))

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        acl = {"networkAclId": "acl-5fb85d36"}
        yield Rings(
            "a new rule",
            call(
                "ec2:CreateNetworkAclEntry",
                request={
                    **acl,
                    "ruleNumber": 100,
                    "egress": False,
                    "ruleAction": "deny",
                    "portRange": {"from": 22, "to": 22},
                    "aclProtocol": "6",
                    "cidrBlock": "198.51.100.0/24",
                },
                response={"_return": True},
            ),
            "alice added a rule to network ACL acl-5fb85d36",
            Severity.LOW,
        )
        yield Rings(
            "a rule taken away",
            call(
                "ec2:DeleteNetworkAclEntry",
                request={**acl, "ruleNumber": 100, "egress": True},
            ),
            "alice removed a rule from network ACL acl-5fb85d36",
        )
        yield Rings(
            "a new one, whose id is in the answer",
            call(
                "ec2:CreateNetworkAcl",
                request={"vpcId": "vpc-0e568b18707c87afa"},
                response={"networkAcl": acl},
            ),
            "alice created network ACL acl-5fb85d36",
        )
        yield Rings(
            "a subnet that gets another one",
            call("ec2:ReplaceNetworkAclAssociation", request=acl),
            "alice put a subnet behind network ACL acl-5fb85d36",
        )
        yield Rings(
            "one that the record does not name",
            call("ec2:DeleteNetworkAcl"),
            "alice deleted an unknown network ACL",
        )
        yield Quiet(
            "a refused attempt",
            call(
                "ec2:DeleteNetworkAclEntry",
                request={**acl, "ruleNumber": 100, "egress": False},
                error="Client.UnauthorizedOperation",
            ),
        )
        yield Quiet(
            "CloudFormation, for a user",
            call("ec2:CreateNetworkAcl", sourceIPAddress="cloudformation.amazonaws.com"),
        )
