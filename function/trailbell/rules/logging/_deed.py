"""What a call did, in words, with what it did it to."""

from __future__ import annotations

from typing import NamedTuple

from trailbell.model import Event, Text, say
from trailbell.rules.base import did


class Deed(NamedTuple):
    """The sentence of one operation."""

    past: str
    infinitive: str
    rest: str = "{}"
    """What follows the verb, with a ``{}`` for the target where there is one."""
    one: str = ""
    """The target with its name: ``account {}``."""
    several: str = ""
    """More than one of it, after their number: ``accounts``."""
    unnamed: str = ""
    """The target where the record does not name it: ``an account``."""
    fields: tuple[str, ...] = ()
    """Where the request may name it: paths below requestParameters."""

    def title(self, event: Event) -> Text:
        if "{}" not in self.rest:
            return did(event, self.past, self.infinitive, self.rest)
        names = self.targets(event)
        if len(names) > 1 and self.several:
            what = say(f"{len(names)} {self.several}")
        else:
            what = say(self.one, short(names[0])) if names else say(self.unnamed)
        return did(event, self.past, self.infinitive, self.rest, what)

    def targets(self, event: Event) -> list[str]:
        """The names of what the call is about; none where the record holds none."""
        for field in self.fields:
            if names := named(event, f"requestParameters.{field}"):
                return names
        return []


def named(event: Event, path: str) -> list[str]:
    """The name, or the names of a list, at a dotted path."""
    names = event.items(path) or [event.text(path)]
    return [name for name in names if isinstance(name, str) and name]


def short(name: str) -> str:
    """An ARN without its beginnings: ``arn:aws:cloudtrail:...:trail/org-trail`` is org-trail."""
    if not name.startswith("arn:"):
        return name
    resource = name.split(":", 5)[-1]
    return resource.partition("/")[2] or resource
