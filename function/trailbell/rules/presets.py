"""Which rules run, and with which settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from trailbell.errors import ConfigError
from trailbell.names import nearest
from trailbell.rules.base import Rule, add

CATCH_ALL = "iam-user-activity"
PRESETS: dict[str, Callable[[type[Rule]], bool]] = {
    "standard": lambda rule: rule.on_by_default,
    "security": lambda rule: rule.on_by_default and rule.id != CATCH_ALL,
    "iam-user": lambda rule: rule.id == CATCH_ALL,
    "compliance": lambda rule: rule.on_by_default or bool(rule.cis),
}


def choose(
    found: Mapping[str, type[Rule]],
    custom: Iterable[type[Rule]],
    preset: str,
    overrides: Mapping[str, Mapping[str, Any]],
    zone: str,
    *,
    everything: bool = False,
    only: Collection[str] = (),
) -> dict[Rule, bool]:
    """Every rule, tuned, and whether it runs.

    :param zone: for rules with a ``timezone`` that the user did not set.
    :param everything: run all rules, whatever preset and overrides say.
    :param only: ids; run these and no others.
    :raises ConfigError: names the setting that is wrong.
    """
    rules = dict(found)
    for rule in custom:
        add(rules, rule)
    for rule_id in only:
        if rule_id not in rules:
            raise ConfigError(f"{rule_id!r} is no rule{nearest(rule_id, rules)}")
    chosen: dict[Rule, bool] = {}
    for rule_id, rule_class in sorted(rules.items()):
        tuning = dict(overrides.get(rule_id, {}))
        enabled = tuning.pop("enabled", PRESETS[preset](rule_class) or rule_id not in found)
        if not isinstance(enabled, bool):
            raise ConfigError(f"RULES[{rule_id!r}]['enabled'] must be true or false")
        if hasattr(rule_class, "timezone") and "timezone" not in tuning:
            tuning["timezone"] = zone
        runs = rule_id in only if only else everything or enabled
        chosen[rule_class.tuned(tuning)] = runs
    return chosen
