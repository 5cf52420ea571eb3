"""What a policy allows, in words."""

from __future__ import annotations

from trailbell.model import Text, say
from trailbell.policy import Grant, Worst
from trailbell.text import join


def rights_in(found: Worst) -> Text:
    """What the worst statement allows, in words."""
    if found.grant == Grant.NONE:
        return say("could not be read")
    everything = found.grant == Grant.FULL_ADMIN
    rights = say("everything") if everything else some(found.actions, 2)
    way = say(", a way to more rights" if found.grant == Grant.ESCALATION else "")
    condition = say(", under a condition" if found.conditional else "")
    return say("allows {}", rights) + way + condition


def some(actions: tuple[str, ...], shown: int) -> Text:
    """The first of the actions, and how many more there are."""
    named = [say("{}", action) for action in actions]
    if len(named) <= shown:
        return join(" and ", [text for text in (join(", ", named[:-1]), named[-1]) if text])
    return join(", ", named[:shown]) + say(f" and {len(named) - shown} more")
