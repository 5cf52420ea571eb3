"""The road from records to groups of alerts; everything but decoding and posting is in here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from trailbell import noise
from trailbell.compose import Reader
from trailbell.engine import Engine, unreadable
from trailbell.model import Alert, Event
from trailbell.rules.base import Rule
from trailbell.settings import Settings
from trailbell.state.base import State


class Bell:
    """The rules that run, and what keeps them quiet."""

    def __init__(
        self, settings: Settings, chosen: Mapping[Rule, bool], state: State | None
    ) -> None:
        self.settings = settings
        self.rules = chosen
        self.state = state
        self.engine = Engine(
            (rule for rule, runs in chosen.items() if runs), state, settings.OWN_ROLE
        )
        zone = settings.zone
        self._mutes = [lambda alert, mute=mute: mute.hides(alert, zone) for mute in settings.MUTES]

    def alerts(
        self, events: Iterable[Event], unread: Iterable[Event] = ()
    ) -> tuple[list[Alert], list[Alert]]:
        """The alerts of the events, and those that a mute keeps quiet."""
        found = [*map(unreadable, unread), *self.engine.alerts(events)]
        return noise.unmuted(noise.most_specific(found), self._mutes)

    def routed(self, alerts: Sequence[Alert]) -> dict[str, list[Alert]]:
        """Channel name -> the alerts that its filters let through, the oldest first."""
        routes = noise.routed(alerts, self.settings.CHANNELS)
        return {name: noise.aged(of) for name, of in routes.items()}

    def reader(self, request: str = "") -> Reader:
        zone = self.settings.zone
        return Reader(zone, self.settings.ACCOUNTS, request, datetime.now(zone).year)
