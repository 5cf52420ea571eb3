"""Whose key, password or second factor a call was about."""

from __future__ import annotations

from trailbell.model import Event, Text, say


def owner_of(event: Event, answer: str = "") -> str:
    """The user whom a call names, else the caller who acts on themselves; "" if nobody can tell.

    A request without a name means the caller, but a refused one is recorded without its
    parameters, and no role has a key or a second factor of its own.

    :param answer: the dotted path of the user's name in the answer, where the call has one.
    """
    named = (event.text(answer) if answer else "") or event.text("requestParameters.userName")
    if named:
        return named
    on_themselves = (
        event.succeeded
        and event.identity in ("IAMUser", "Root")
        and not event.flag("requestParameters.omitted")
    )
    return event.actor.name if on_themselves else ""


def user_named(name: str) -> Text:
    """The user in a sentence."""
    return say("{}", name) if name else say("an unknown user")
