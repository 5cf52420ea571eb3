"""A rule's own examples, judged as the engine judges events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from trailbell.engine import Engine
from trailbell.model import Alert
from trailbell.rules.base import Quiet, Rings, Rule
from trailbell.state.memory import MemoryState

NO_EXAMPLES = "has no examples"


@dataclass(frozen=True, slots=True)
class Hidden:
    """A rule that would not ring, or not always, behind a filter."""

    wholly: bool
    """Whether none of the rule's examples rings."""
    example: str
    """The name of one that does not."""


def hidden(rule: Rule, passes: Callable[[object], bool]) -> Hidden | None:
    """What of the rule a filter hides, told by its examples that ring; None where nothing is.

    The examples are those of the rule as it is shipped, whatever a user tuned.

    :param passes: whether the filter lets a record pass.
    """
    rings = [example for example in rule.examples() if isinstance(example, Rings)]
    # CloudTrail names every event. That a rule also takes one without a name says nothing here.
    examples = [example for example in rings if example.event.name]
    lost = [example.name for example in examples if not _heard(type(rule), example, passes)]
    return Hidden(len(lost) == len(examples), lost[0]) if lost else None


def _heard(rule: type[Rule], example: Rings, passes: Callable[[object], bool]) -> bool:
    """Whether the example still rings when its events come through the filter."""
    if not passes(example.event.raw):
        return False
    before = tuple(event for event in example.before if passes(event.raw))
    # Some of what came before may be missing, as long as the rest is enough.
    if len(before) == len(example.before):
        return True
    return any(not alert.own for alert in _alerts(rule(), replace(example, before=before)))


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
    return "; ".join(str(alert.title) for alert in _alerts(rule, example))


def _alerts(rule: Rule, example: Rings | Quiet) -> list[Alert]:
    engine = Engine([rule], MemoryState())
    for event in example.before:
        engine.alerts([event])
    return engine.alerts([example.event])
