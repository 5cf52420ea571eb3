"""How rules of several groups read a record: lists of any shape, and things by their names."""

from __future__ import annotations

from typing import Any

from trailbell.model import Event, Text, say


def rows(value: object) -> list[dict[str, Any]]:
    """The objects of a list; EC2 writes ``{"items": [...]}``, others a lone object for one."""
    if isinstance(value, dict) and "items" in value:
        value = value["items"]
    return [row for row in (value if isinstance(value, list) else [value]) if isinstance(row, dict)]


def first_text(event: Event, *paths: str) -> str:
    """The first of these fields that is there; ``requestParameters.`` goes without saying."""
    for path in paths:
        root = "" if path.startswith("responseElements.") else "requestParameters."
        if text := event.text(root + path):
            return text
    return ""


def named(kind: str, name: str) -> Text:
    """``bucket example``, or ``an unknown bucket``."""
    return say(f"{kind} {{}}", name) if name else say(f"an unknown {kind}")
