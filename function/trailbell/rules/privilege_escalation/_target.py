"""Who gets the rights that a call to IAM hands out: a user, a group or a role."""

from __future__ import annotations

from trailbell.model import Event, Text, say


def kind_of(event: Event) -> str:
    """``user`` of AttachUserPolicy, ``group`` of PutGroupPolicy, else ``role``."""
    name = event.name
    return "user" if "User" in name else "group" if "Group" in name else "role"


def target_name(event: Event) -> str:
    """The name of the user, group or role; "" where the record does not hold it."""
    return event.text(f"requestParameters.{kind_of(event)}Name")


def target_of(event: Event) -> Text:
    """The user, group or role in a sentence."""
    kind, name = kind_of(event), target_name(event)
    return say(f"{kind} {{}}", name) if name else say(f"an unknown {kind}")
