"""What the rules of this group say and ask of any call at all."""

from __future__ import annotations

from collections.abc import Iterable

from trailbell.model import Event, Text, say
from trailbell.rules.base import did, listed

SIGN_IN = "signin:ConsoleLogin"


def deed(event: Event) -> Text:
    """What was done, for an event of which nothing is known but its name."""
    if event.action == SIGN_IN:
        if event.succeeded:
            return say("{} signed in to the console", event.actor)
        return say("{} failed to sign in to the console", event.actor)
    if not event.action:
        return did(event, "made", "make", "a call that the record does not name")
    return did(event, "called", "call", "{}", event.action)


def call_listed(event: Event, patterns: Iterable[str]) -> bool:
    """Whether a list of globs has the call, as ``TagUser`` or as ``iam:TagUser``."""
    patterns = tuple(patterns)
    action = event.action
    return listed(action.rpartition(":")[2], patterns) or listed(action, patterns)
