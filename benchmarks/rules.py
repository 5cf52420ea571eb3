"""What many times as many rules cost an event: 400 beside 40, through the Engine.

The last row is dispatch alone: records that are parsed already and that no rule wants.

python benchmarks/rules.py [--json]
"""

from __future__ import annotations

import argparse
import json
from functools import partial

import traffic
from pairs import compare
from trailbell import rules
from trailbell.engine import Engine
from trailbell.model import Event
from trailbell.rules.base import Rule, find
from trailbell.rules.identity.access_key_created import AccessKeyCreated

FEW, MANY = 40, 400


def engine(count: int) -> Engine:
    """The shipped rules, and as many in the shape of one of them as are missing."""
    shipped = [rule() for rule in find(rules).values() if rule.on_by_default][:count]
    return Engine([*shipped, *(like_shipped(number) for number in range(count - len(shipped)))])


def like_shipped(number: int) -> Rule:
    service, thing = f"service{number % 30}", f"Thing{number}"
    actions = (f"{service}:Create{thing}", f"{service}:Update{thing}Policy")
    fields = {"id": f"thing-{number}-changed", "actions": actions, "__module__": __name__}
    rule: Rule = type(f"Thing{number}Changed", (AccessKeyCreated,), fields)()
    return rule


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON object a payload")
    as_json = parser.parse_args().json
    few, many = engine(FEW), engine(MANY)
    if not as_json:
        print(f"{'payload':<12} {f'{FEW} rules':>12} {f'{MANY} rules':>12} {'ratio':>6}")
    for name in ("quiet_500", "mixed_500", "iamuser_500"):
        records = traffic.PAYLOADS[name]()
        texts = [json.dumps(record, separators=(",", ":")) for record in records]
        events = [Event(record, message=text) for record, text in zip(records, texts, strict=True)]

        def ask(
            engine: Engine, texts: list[str] = texts, events: list[Event] = events
        ) -> int:  # what the handler asks: is it wanted, and what do the rules say of it
            wanted = [
                event for text, event in zip(texts, events, strict=True) if engine.wants(text)
            ]
            return len(engine.alerts(wanted))

        show(name, len(texts), compare(partial(ask, few), partial(ask, many)), as_json)
        if name == "quiet_500":
            unwanted = [event for event in events if not many.wants(event.message)]
    both = (partial(few.alerts, unwanted), partial(many.alerts, unwanted))
    show("unwanted", len(unwanted), compare(*both), as_json)


def show(name: str, events: int, seconds: tuple[float, float], as_json: bool) -> None:
    ns = [round(each / events * 1e9) for each in seconds]
    ratio = round(seconds[1] / seconds[0], 3)
    line = {"payload": name, f"ns_{FEW}_rules": ns[0], f"ns_{MANY}_rules": ns[1], "ratio": ratio}
    table = f"{name:<12} {ns[0]:>9} ns {ns[1]:>9} ns {ratio:>6.2f}"
    print(json.dumps(line) if as_json else table, flush=True)


if __name__ == "__main__":
    main()
