"""The policy in a request, and whether there was one that nobody can read."""

from __future__ import annotations

from trailbell import policy
from trailbell.model import Event


def document_of(event: Event, key: str) -> policy.Document | None:
    """The policy under this key of the request; None where there is none to be read."""
    return policy.read(event.get(f"requestParameters.{key}"))


def unreadable(event: Event, key: str) -> bool:
    """Whether the request had a policy that is no JSON, or too large for CloudTrail to record."""
    document = event.get(f"requestParameters.{key}")
    if document is None:
        return policy.omitted(event.get("requestParameters"))
    return policy.read(document) is None
