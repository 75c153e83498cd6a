"""Judging a history by the rules of the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.history.events import History
from lab.history.rules import RULES, Breach, Rule, Ways


@dataclass(frozen=True)
class Judgement:
    """The breaches of each rule that could be applied, and why the others could not."""

    breaches: Mapping[Rule, Sequence[Breach]]
    unproved: Mapping[Rule, str]

    @property
    def kept(self) -> bool:
        """Whether no rule was broken."""
        return not any(self.breaches.values())

    @property
    def text(self) -> str:
        """The judgement in one line."""
        broken = {rule.name: found for rule, found in self.breaches.items() if found}
        if not broken:
            return f"all {len(self.breaches)} rules kept"
        return "; ".join(f"{name}: {_first(found)}" for name, found in broken.items())

    def as_json(self) -> dict[str, Any]:
        """Each rule with its breaches, or why it could not be applied."""
        return {
            "kept": self.kept,
            "rules": {
                rule.name: [
                    {
                        "orderId": breach.order_id,
                        "why": breach.why,
                        "timeline": [event.as_json() for event in breach.timeline],
                    }
                    for breach in found
                ]
                for rule, found in self.breaches.items()
            },
            "unproved": {rule.name: why for rule, why in self.unproved.items()},
        }


def check(history: History, rules: Sequence[Rule] = RULES) -> Judgement:
    """Apply every rule whose sources the history has. Pure, and linear in the number of events."""
    ways = Ways(history)
    missing = {rule: sorted(rule.needs - history.sources) for rule in rules}
    return Judgement(
        breaches={rule: list(rule.breaches(ways)) for rule in rules if not missing[rule]},
        unproved={
            rule: f"the history is without {', '.join(sources)}"
            for rule, sources in missing.items()
            if sources
        },
    )


def _first(found: Sequence[Breach]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    who = f"order {found[0].order_id}: " if found[0].order_id else ""
    return f"{who}{found[0].why}{more}"
