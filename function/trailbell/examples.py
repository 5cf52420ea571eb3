"""A rule's own examples, judged as the engine judges events."""

from __future__ import annotations

from collections.abc import Iterator

from trailbell.engine import Engine
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.state.memory import MemoryState

NO_EXAMPLES = "has no examples"


def wrong(rule: Rule) -> Iterator[str]:
    """What is wrong with the examples of a rule, a line each; nothing where all is well."""
    examples = list(rule.examples())
    if not examples:
        yield NO_EXAMPLES
    for example in examples:
        said = saying(rule, example)
        if isinstance(example, Quiet) and said:
            yield f"example {example.name!r} should stay quiet, but says {said!r}"
        elif isinstance(example, Rings) and not said:
            yield f"example {example.name!r} should ring, and stays quiet"
        elif isinstance(example, Rings) and said != example.title:
            yield f"example {example.name!r} says {said!r}, not {example.title!r}"


def saying(rule: Rule, example: Rings | Quiet) -> str:
    """What the rule says of the example's event, after those before it; "" where it is quiet."""
    engine = Engine([rule], MemoryState())
    for event in example.before:
        engine.alerts([event])
    return "; ".join(str(alert.title) for alert in engine.alerts([example.event]))
