"""Alerts -> groups: most specific wins, mutes, grouping, and a cap for storms.

Everything here is a pure function of the batch, so that a retry of the invocation forms the same
groups. The counts of a channel's groups always add up to the alerts that were routed to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from trailbell.channels.base import Channel
from trailbell.model import Alert, Group

SINGLES = 5  # alerts that are told one by one; more are grouped
CAP = 10  # messages a channel and invocation
_NO_TIME = datetime.max.replace(tzinfo=UTC)


def most_specific(alerts: Sequence[Alert]) -> list[Alert]:
    """Without the alerts that give way to another rule's on the same event."""
    specific = {id(alert.event) for alert in alerts if not alert.gives_way and not alert.own}
    return [alert for alert in alerts if not (alert.gives_way and id(alert.event) in specific)]


def unmuted(
    alerts: Iterable[Alert], mutes: Sequence[Callable[[Alert], bool]]
) -> tuple[list[Alert], list[Alert]]:
    """The alerts that ring and those that a mute keeps quiet. Our own are never muted."""
    ring: list[Alert] = []
    muted: list[Alert] = []
    for alert in alerts:
        quiet = not alert.own and any(mute(alert) for mute in mutes)
        (muted if quiet else ring).append(alert)
    return ring, muted


def routed(alerts: Iterable[Alert], channels: Sequence[Channel]) -> dict[str, list[Alert]]:
    """Channel name -> the alerts that its filters let through.

    What trailbell says of itself goes to the first channel rather than to nobody.
    """
    routes: dict[str, list[Alert]] = {channel.name: [] for channel in channels}
    for alert in alerts:
        takers = [channel.name for channel in channels if _takes(channel, alert)]
        if not takers and alert.own and channels:
            takers = [channels[0].name]
        for name in takers:
            routes[name].append(alert)
    return {name: alerts for name, alerts in routes.items() if alerts}


def _takes(channel: Channel, alert: Alert) -> bool:
    return (
        alert.severity >= channel.min_severity
        and any(fnmatchcase(alert.rule, pattern) for pattern in channel.rules)
        and (not channel.accounts or alert.event.account in channel.accounts)
    )


def aged(alerts: Iterable[Alert]) -> list[Alert]:
    """The oldest first, in the same order however the batch was ordered."""
    return sorted(alerts, key=_age)


def groups(alerts: Iterable[Alert]) -> list[Group]:
    """The messages of one channel: at most ten, the most severe first."""
    alerts = aged(alerts)
    if len(alerts) <= SINGLES:
        return _ordered(Group.single(alert) for alert in alerts)
    kinds: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in alerts:
        key = (alert.rule, alert.event.actor.name, alert.event.account)
        kinds.setdefault(key, []).append(alert)
    ordered = _ordered(Group(tuple(kind)) for kind in kinds.values())
    if len(ordered) <= CAP:
        return ordered
    rest = sorted((alert for group in ordered[CAP - 1 :] for alert in group.alerts), key=_age)
    return [*ordered[: CAP - 1], Group(tuple(rest), rest=True)]


def _ordered(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (-group.severity, _age(group.alerts[0])))


def _age(alert: Alert) -> tuple[datetime, str, str, str, str]:
    """The time; what follows only makes the order the same, however the batch was ordered."""
    event = alert.event
    return event.time or _NO_TIME, alert.rule, event.account, event.id, event.message
