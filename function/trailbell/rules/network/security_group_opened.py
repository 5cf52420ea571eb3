from __future__ import annotations

from collections.abc import Iterator

from trailbell.first_aid import aws, several
from trailbell.model import Event, Line, Severity, Text, say
from trailbell.rules._record import named
from trailbell.rules.base import Quiet, Rings, Rule, did
from trailbell.rules.network._rules import (
    WITH_PORTS,
    Opening,
    group_of,
    lines_of,
    openings,
    ports_of,
    rules_of,
)
from trailbell.testing import Identity, call, person, service

ACL_RULES = ("ec2:CreateNetworkAclEntry", "ec2:ReplaceNetworkAclEntry")


class SecurityGroupOpened(Rule):
    """A port was opened to the internet.

    Whatever listens behind it is found by scanners within minutes: a remote shell or desktop, a
    database, a cache without a password. Rings for 0.0.0.0/0 and ::/0, and for ranges that
    together are much of the internet, such as two halves of it; all traffic and the ports of
    `sensitive_ports` are the most severe. Web servers on `public_ports` stay quiet.

    Check whether anything outside should reach that port. If not, take the rule back, then look
    at who connected since. Rules of network ACLs ring for any port, as medium. Two things no
    record tells: what a prefix list holds (such rules stay quiet), and whether a rule that was
    modified is an inbound one (it is taken for one). Noisy where public services run on other
    ports: add those to `public_ports`.
    """

    id = "security-group-opened"
    severity = Severity.HIGH
    actions = (
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:ModifySecurityGroupRules",
        "ec2:CreateSecurityGroup",
        *ACL_RULES,
    )
    failed_calls = "denied-lower"
    service_calls = "drop-aws"
    check_first = "Should the internet reach this? If not, take the rule back before anything else."
    many = "opened ports to the internet"
    attack = "T1562.007"
    references = (
        "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html",
    )
    since = "0.1.0"

    public_ports: tuple[int, ...] = (80, 443)
    """Ports that the internet may reach."""
    sensitive_ports: tuple[int, ...] = (
        20, 21, 22, 23, 445, 1433, 1521, 3306, 3389, 5432, 5985, 5986, 6379, 9200, 11211, 27017,
    )  # fmt: skip
    """Ports whose opening is as severe as that of all ports, be they public or not."""

    def match(self, event: Event) -> bool:
        return bool(self.opened(event))

    def severity_of(self, event: Event) -> Severity:
        grave = any(self.grave(opening) for opening in self.opened(event))
        return self.severity if grave and event.action not in ACL_RULES else Severity.MEDIUM

    def title(self, event: Event) -> Text:
        found = self.opened(event)
        whole = any(opening.whole for opening in found)
        reach = "the whole internet" if whole else "much of the internet"
        if event.action in ACL_RULES:
            where = named("network ACL", event.text("requestParameters.networkAclId"))
        else:
            group = group_of(event)
            known = group.startswith("sg-")
            where = say("{}", group) if known else named("security group", group)
        return did(event, "opened", "open", f"{{}} to {reach} on {{}}", ports_of(found), where)

    def details(self, event: Event) -> tuple[Line, ...]:
        return lines_of([rule for opening in self.opened(event) for rule in opening.rules])

    def first_aid(self, event: Event) -> tuple[str, ...]:
        if not event.succeeded:
            return ()
        if event.action in ACL_RULES:
            return (take_back_entry(event),) if event.action == ACL_RULES[0] else ()
        rules = [rule.rule for opening in self.opened(event) for rule in opening.rules]
        command = aws(
            "ec2 revoke-security-group-ingress --group-id {security_group}"
            " --security-group-rule-ids {security_group_rules} --region {region}",
            security_group=group_of(event),
            security_group_rules=several(list(dict.fromkeys(filter(None, rules)))),
            region=event.region,
        )
        return (command,)

    def opened(self, event: Event) -> list[Opening]:
        """What the call opens that is not public by intent, the gravest first."""
        found = openings(rules_of(event))
        if event.action in ACL_RULES:
            lets_in = event.text("requestParameters.ruleAction").lower() == "allow"
            inbound = str(event.get("requestParameters.egress")).lower() == "false"
            return found if lets_in and inbound else []
        found = [opening for opening in found if self.grave(opening) or not self.public(opening)]
        return sorted(found, key=self.grave, reverse=True)

    def grave(self, opening: Opening) -> bool:
        return opening.every_port or (
            opening.protocol in WITH_PORTS
            and any(opening.first <= port <= opening.last for port in self.sensitive_ports)
        )

    def public(self, opening: Opening) -> bool:
        """Whether all that it opens is meant to be open."""
        return opening.protocol in WITH_PORTS and all(
            port in self.public_ports for port in range(opening.first, opening.last + 1)
        )

    @staticmethod
    def examples() -> Iterator[Rings | Quiet]:
        yield Rings(
            "a remote shell",
            opened(permission(22, 22, "0.0.0.0/0"), by=person("alice@example.com")),
            "alice@example.com opened port 22 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "the older shape, which has one rule and no list",
            authorize(
                {
                    "groupId": GROUP,
                    "ipPermissions": {},
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "cidrIp": "0.0.0.0/0",
                }
            ),
            "alice opened port 22 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "over IPv6 only",
            opened(permission(3389, 3389, "::/0")),
            "alice opened port 3389 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "all traffic",
            opened(permission(-1, -1, "0.0.0.0/0", "::/0", protocol="-1")),
            "alice opened all ports to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "several ports, one of them sensitive",
            opened(permission(8000, 9000, "0.0.0.0/0"), permission(5432, 5432, "0.0.0.0/0")),
            "alice opened ports 5432 and 8000-9000 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "a port that is neither public nor sensitive",
            opened(permission(8080, 8080, "0.0.0.0/0")),
            "alice opened port 8080 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.MEDIUM,
        )
        yield Rings(
            "the whole in two halves",
            opened(permission(22, 22, "0.0.0.0/1", "128.0.0.0/1")),
            "alice opened port 22 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "everybody, in one call with those who may come in",
            opened(permission(22, 22, "10.0.0.0/8", "203.0.113.7/32", "0.0.0.0/0")),
            "alice opened port 22 to the whole internet on sg-0f1e2d3c4b5a69788",
        )
        yield Rings(
            "half of it",
            opened(permission(22, 22, "0.0.0.0/1")),
            "alice opened port 22 to much of the internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "ICMP, whose type is no port",
            opened(permission(22, -1, "0.0.0.0/0", protocol="icmp")),
            "alice opened ICMP to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.MEDIUM,
        )
        yield Rings(
            "a rule that was there before, for fewer",
            modified({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}),
            "alice opened port 22 to the whole internet on sg-0f1e2d3c4b5a69788",
            Severity.HIGH,
        )
        yield Rings(
            "a group of the default VPC, by its name",
            authorize({"groupName": "default", "ipPermissions": {"items": [SHELL]}}),
            "alice opened port 22 to the whole internet on security group default",
        )
        yield Rings(
            "a group that the record does not name",
            authorize({"ipPermissions": {"items": [SHELL]}}),
            "alice opened port 22 to the whole internet on an unknown security group",
        )
        yield Rings(
            "a refused attempt",
            opened(SHELL, by="mallory", error="Client.UnauthorizedOperation"),
            "mallory tried to open port 22 to the whole internet on sg-0f1e2d3c4b5a69788"
            " and was refused",
            Severity.MEDIUM,
        )
        yield Rings(
            "a rule of a network ACL",
            entry(),
            "alice opened all ports to the whole internet on network ACL acl-5fb85d36",
            Severity.MEDIUM,
        )
        yield Rings(
            "a rule of a network ACL for some ports, over IPv6",
            entry(
                "ReplaceNetworkAclEntry",
                aclProtocol="6",
                portRange={"from": 1024, "to": 65535},
                cidrBlock=None,
                ipv6CidrBlock="::/0",
            ),
            "alice opened ports 1024-65535 to the whole internet on network ACL acl-5fb85d36",
            Severity.MEDIUM,
        )
        yield Quiet("a web server", opened(permission(443, 443, "0.0.0.0/0", "::/0")))
        yield Quiet("one address", opened(permission(22, 22, "203.0.113.7/32")))
        yield Quiet(
            "private ranges",
            opened(permission(22, 22, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
        )
        yield Quiet(
            "a prefix list, and another group: the record does not tell who is behind them",
            opened(
                {
                    **permission(22, 22),
                    "groups": {"items": [{"groupId": "sg-0a1b2c3d4e5f60718"}]},
                    "prefixListIds": {"items": [{"prefixListId": "pl-3b927c52"}]},
                }
            ),
        )
        yield Quiet("a new group lets nobody in", call("ec2:CreateSecurityGroup"))
        yield Quiet("a mistake opened nothing", opened(SHELL, error="Client.InvalidGroup.NotFound"))
        yield Quiet(
            "a refused attempt that is recorded without its parameters",
            call("ec2:AuthorizeSecurityGroupIngress", error="Client.UnauthorizedOperation"),
        )
        yield Quiet("AWS itself", opened(SHELL, by=service("elasticloadbalancing")))
        yield Quiet("a rule of a network ACL that denies", entry(ruleAction="deny"))
        yield Quiet("an outbound rule of a network ACL", entry(egress=True))


def take_back_entry(event: Event) -> str:
    return aws(
        "ec2 delete-network-acl-entry --network-acl-id {network_acl} --ingress"
        " --rule-number {rule_number} --region {region}",
        network_acl=event.text("requestParameters.networkAclId"),
        rule_number=event.text("requestParameters.ruleNumber"),
        region=event.region,
    )


GROUP = "sg-0f1e2d3c4b5a69788"
RULE = "sgr-0a11552a7d225f5c7"


def permission(first: int, last: int, *ranges: str, protocol: str = "tcp") -> dict[str, object]:
    """One of a request's permissions: ports, and the ranges that may reach them."""
    four = [{"cidrIp": text} for text in ranges if ":" not in text]
    six = [{"cidrIpv6": text} for text in ranges if ":" in text]
    return {
        "ipProtocol": protocol,
        "fromPort": first,
        "toPort": last,
        "groups": {},
        "ipRanges": {"items": four} if four else {},
        "ipv6Ranges": {"items": six} if six else {},
        "prefixListIds": {},
    }


SHELL = permission(22, 22, "0.0.0.0/0")


def authorize(
    request: dict[str, object], *, by: Identity | str = "alice", error: str | None = None
) -> Event:
    return call("ec2:AuthorizeSecurityGroupIngress", by=by, request=request, error=error)


def opened(
    *permissions: dict[str, object], by: Identity | str = "alice", error: str | None = None
) -> Event:
    """A call that adds rules, with the answer that EC2 gives: each rule with its id."""
    event = authorize(
        {"groupId": GROUP, "ipPermissions": {"items": list(permissions)}}, by=by, error=error
    )
    if not error:
        added = [
            {
                "groupId": GROUP,
                "securityGroupRuleId": f"{RULE[:-1]}{number}",
                "isEgress": False,
                "ipProtocol": rule.protocol,
                "fromPort": rule.first,
                "toPort": rule.last,
                "cidrIpv6" if ":" in rule.source else "cidrIpv4": rule.source,
            }
            for number, rule in enumerate(rules_of(event))
        ]
        event.raw["responseElements"] = {"_return": True, "securityGroupRuleSet": {"items": added}}
    return event


def modified(rule: dict[str, object]) -> Event:
    change = {"SecurityGroupRuleId": RULE, "SecurityGroupRule": rule, "tag": 1}
    request = {"ModifySecurityGroupRulesRequest": {"GroupId": GROUP, "SecurityGroupRule": change}}
    return call("ec2:ModifySecurityGroupRules", request=request)


def entry(name: str = "CreateNetworkAclEntry", **fields: object) -> Event:
    request = {
        "networkAclId": "acl-5fb85d36",
        "ruleNumber": 100,
        "egress": False,
        "ruleAction": "allow",
        "icmpTypeCode": {},
        "portRange": {},
        "aclProtocol": "-1",
        "cidrBlock": "0.0.0.0/0",
        **fields,
    }
    return call(f"ec2:{name}", request=request, response={"_return": True})
