"""Addresses and networks."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

INSIDE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Networks that are not on the internet. Those that are kept for documentation count as public,
which ``is_global`` of the standard library says of none of them."""


def address(text: str) -> IPv4Address | IPv6Address | None:
    """The address; None for the name of a service, "AWS Internal" or a masked address."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    return not any(ip in inside for inside in INSIDE)


@lru_cache
def networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of a setting; a ValueError names one that is none."""
    return tuple(ip_network(text, strict=False) for text in texts)
