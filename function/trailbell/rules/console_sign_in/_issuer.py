"""The IAM user behind a call, of whom a federated session is only a shadow."""

from __future__ import annotations

from trailbell.model import Event


def user_behind(event: Event) -> str:
    """The IAM user who called, or who issued the federated session that did; else ""."""
    if event.identity == "IAMUser":
        named = event.text("userIdentity.userName") or ":user/" in event.text("userIdentity.arn")
        return event.actor.name if named else ""  # an id is no name
    issuer = "userIdentity.sessionContext.sessionIssuer"
    federated = event.identity == "FederatedUser" and event.text(f"{issuer}.type") == "IAMUser"
    return event.text(f"{issuer}.userName") if federated else ""
