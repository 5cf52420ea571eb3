"""What a call lets through a security group or a network ACL: protocol, ports, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, NamedTuple

from trailbell.model import Event, Line, Text, say
from trailbell.rules._record import rows
from trailbell.text import join

EVERYTHING = "-1"
PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": EVERYTHING}
WITH_PORTS = ("tcp", "udp")
LAST_PORT = 65535
SHOWN = 3

# The names that a source goes by, in lower case: EC2 writes cidrIp in a list of ranges,
# cidrIpv4 in its answer and CidrIpv4 where a rule is modified.
RANGES = ("cidrip", "cidripv4", "cidripv6", "cidrblock", "ipv6cidrblock")
OTHERS = ("prefixlistid", "referencedgroupid", "sourcesecuritygroupname")
NESTED = ("ipranges", "ipv6ranges", "prefixlistids", "groups", "referencedgroupinfo")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sister
PRIVATE_4 = [
    ipaddress.IPv4Network(text)
    for text in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16",
    )
]  # fmt: skip
PRIVATE_6 = [ipaddress.IPv6Network("fc00::/7"), ipaddress.IPv6Network("fe80::/10")]
LARGEST = {4: 2**25, 6: 2**97}
"""From how many addresses on a list of ranges is much of the internet: more than a /8 of IPv4
or a /32 of IPv6, from which on S3 calls a bucket public, and room for two of them."""


class Allowed(NamedTuple):
    """One rule: a protocol, its ports, and one source."""

    protocol: str
    """``tcp``, ``udp``, ``icmp``, ``-1`` for all of them, or a number."""
    first: int
    last: int
    source: str
    """A range of addresses; the id of a group or a list of prefixes."""
    rule: str = ""
    """The id of the rule, where the record has it."""


class Opening(NamedTuple):
    """What one or more rules open to the internet, or to much of it."""

    protocol: str
    first: int
    last: int
    rules: tuple[Allowed, ...]
    whole: bool

    @property
    def every_port(self) -> bool:
        return self.protocol == EVERYTHING or (
            self.protocol in WITH_PORTS and self.first <= 1 and self.last >= LAST_PORT
        )


def rules_of(event: Event) -> list[Allowed]:
    """The rules that a call adds, changes or removes; those with an id first."""
    answer = event.get("responseElements.securityGroupRuleSet")
    request = event.get("requestParameters")
    change = event.get("requestParameters.ModifySecurityGroupRulesRequest.SecurityGroupRule")
    found = [*_from(rows(answer)), *_from(rows(request))]
    found += _from(rows(event.get("requestParameters.ipPermissions")))
    for row in rows(change):
        found += _from(rows(row.get("SecurityGroupRule")), Event(row).text("SecurityGroupRuleId"))
    once: dict[tuple[object, ...], Allowed] = {}
    for rule in found:
        once.setdefault(rule[:4], rule)
    return list(once.values())


def openings(rules: list[Allowed]) -> list[Opening]:
    """What the rules open to the internet. Ranges count together: two halves are the whole."""
    by_ports: dict[tuple[str, int, int], list[Allowed]] = {}
    for rule in rules:
        by_ports.setdefault((rule.protocol, rule.first, rule.last), []).append(rule)
    found = []
    for (protocol, first, last), same in by_ports.items():
        networks = [network for rule in same if (network := _network(rule.source))]
        if is_much(networks):
            found.append(Opening(protocol, first, last, tuple(_widest(same)), is_whole(networks)))
    return found


def _widest(rules: list[Allowed]) -> list[Allowed]:
    """Those that are much of the internet by themselves; all outside of private ranges if none."""
    networks = [(rule, network) for rule in rules if (network := _network(rule.source))]
    alone = [rule for rule, network in networks if is_much([network])]
    return alone or [rule for rule, network in networks if _joined([network])]


def is_whole(networks: list[Network]) -> bool:
    return any(network.prefixlen == 0 for network in _joined(networks))


def is_much(networks: list[Network]) -> bool:
    """Whether networks hold more of the internet than any one owner has."""
    size = {4: 0, 6: 0}
    for network in _joined(networks):
        size[network.version] += network.num_addresses
    return any(size[version] >= LARGEST[version] for version in size)


def group_of(event: Event) -> str:
    """The security group, by its id or else its name; "" where the record does not tell."""
    return (
        event.text("requestParameters.groupId")
        or event.text("requestParameters.ModifySecurityGroupRulesRequest.GroupId")
        or event.text("responseElements.groupId")
        or event.text("requestParameters.groupName")
    )


def ports_of(found: list[Opening]) -> Text:
    """``ports 22 and 3389``, ``all ports``, ``ICMP``."""
    if any(opening.every_port for opening in found):
        return say("all ports")
    ports = [opening for opening in found if opening.protocol in WITH_PORTS]
    names = list(dict.fromkeys(_span(opening.first, opening.last) for opening in ports))
    noun = "port" if len(names) == 1 and "-" not in names[0] else "ports"
    shown = [say("{}", name) for name in names[:SHOWN]]
    if len(names) > SHOWN:
        shown.append(say(f"{len(names) - SHOWN} others"))
    parts = [say(f"{noun} {{}}", _listed(shown))] if shown else []
    for protocol in dict.fromkeys(opening.protocol for opening in found):
        if protocol.startswith("icmp"):
            parts.append(say("ICMP"))
        elif protocol not in WITH_PORTS:
            parts.append(say("protocol {}", protocol))
    return _listed(parts)


def lines_of(rules: list[Allowed], *, outbound: bool = False) -> tuple[Line, ...]:
    """The rules, one after the other, in a line of a message."""
    if not rules:
        return ()
    words = "{} to {}" if outbound else "{} from {}"
    texts = [say(words, _traffic(rule), rule.source) for rule in rules[:SHOWN]]
    if len(rules) > SHOWN:
        texts.append(say(f"and {len(rules) - SHOWN} more"))
    return (Line("Rules" if len(rules) > 1 else "Rule", join("; ", texts)),)


def _from(found: list[dict[str, Any]], rule: str = "") -> Iterator[Allowed]:
    """The rules in objects of one of the shapes that EC2 writes."""
    for row in found:
        fields = Event({key.lower(): value for key, value in row.items()})
        protocol = fields.text("ipprotocol") or fields.text("aclprotocol")
        ports = _ports(fields)
        if fields.text("networkaclid"):  # counts whatever it is for
            protocol, ports = protocol or EVERYTHING, ports or (-1, -1)
        protocol = PROTOCOLS.get(protocol.lower(), protocol.lower())
        if not protocol or (protocol in WITH_PORTS and not ports):
            continue
        first, last = ports or (-1, -1)
        if protocol in WITH_PORTS and first == -1:
            first, last = 0, LAST_PORT
        elif protocol not in WITH_PORTS:  # for ICMP they are its type and code
            first, last = -1, -1
        name = rule or fields.text("securitygroupruleid")
        for source in _sources(fields):
            yield Allowed(protocol, first, last, source, name)


def _ports(fields: Event) -> tuple[int, int] | None:
    """The first port and the last; None where there is neither."""
    first = _number(fields.text("fromport") or fields.text("portrange.from"))
    last = _number(fields.text("toport") or fields.text("portrange.to"))
    given = [port for port in (first, last) if port is not None]
    return (min(given), max(given)) if given else None


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _sources(fields: Event) -> Iterator[str]:
    """Where a rule lets traffic in from: as fields of its own, or in lists of ranges and groups."""
    for name in (*RANGES, *OTHERS):
        if text := fields.text(name):
            yield _tidy(text)
    for name in NESTED:
        for row in rows(fields.get(name)):
            inner = Event({key.lower(): value for key, value in row.items()})
            for field in (*RANGES, *OTHERS, "groupid"):
                if text := inner.text(field):
                    yield _tidy(text)


def _tidy(source: str) -> str:
    """A range as EC2 stores it, so that request and answer read alike."""
    network = _network(source)
    return str(network) if network else source


def _network(source: str) -> Network | None:
    try:
        return ipaddress.ip_network(source.strip(), strict=False)
    except ValueError:
        return None


def _joined(networks: list[Network]) -> list[Network]:
    """The networks that are not private, with those side by side joined."""
    four = [
        network
        for network in networks
        if isinstance(network, ipaddress.IPv4Network)
        and not any(network.subnet_of(private) for private in PRIVATE_4)
    ]
    six = [
        network
        for network in networks
        if isinstance(network, ipaddress.IPv6Network)
        and not any(network.subnet_of(private) for private in PRIVATE_6)
    ]
    return [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _traffic(rule: Allowed) -> str:
    """``tcp 22``, ``everything``."""
    if rule.protocol == EVERYTHING:
        return "everything"
    if rule.protocol in WITH_PORTS:
        return f"{rule.protocol} {_span(rule.first, rule.last)}"
    return rule.protocol


def _listed(texts: list[Text]) -> Text:
    """``22, 80 and 443``."""
    if len(texts) < 2:
        return join("", texts)
    return join(", ", texts[:-1]) + say(" and ") + texts[-1]
