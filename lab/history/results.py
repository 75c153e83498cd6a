"""An account as results, beside the predictions of its run."""

from collections.abc import Iterator
from dataclasses import replace

from lab.common.results import Result, Verdict
from lab.history.gather import Account
from lab.pipeline.ledger import named


def results(account: Account, seconds: float = 0.0, *, ends_with: int | None = None) -> Iterator[Result]:
    """The ledger and the judgement, which name the orders that do not add up.

    `ends_with` is how many orders are meant to be in the DLQ; None where any number is right.
    """
    ledger, judgement = account.ledger, account.judgement

    def result(name: str, expected: str, seen: str, *, holds: bool, source: str = "ledger") -> Result:
        return Result(
            group="ledger",
            name=name,
            expected=expected,
            seen=seen,
            verdict=Verdict.of(holds),
            source=source,
            seconds=seconds,
        )

    def names(*kinds: str) -> str:
        found = [which for kind in kinds for which in ledger.troubles.get(kind, ())]
        return f"{len(found)}: {named(found)}" if found else "0"

    strange = names("in two places", "not seen", "of no order of this run", "counted by SQS and not seen")
    yield result("orders lost", "0", names("lost"), holds=not ledger.lost)
    yield result("orders with a repeated effect", "0", names("duplicated"), holds=not ledger.doubled)
    yield result("orders unaccounted for", "0", strange, holds=not ledger.unaccounted)
    if ends_with is not None:
        dead = len(ledger.dead)
        yield result("orders left in the DLQ", str(ends_with), str(dead), holds=dead == ends_with)
    rules = f"all {len(judgement.breaches)} rules kept"
    contract = result("the contract", rules, judgement.text, holds=judgement.kept, source="history")
    yield contract if judgement.breaches else replace(contract, verdict=Verdict.NOT_PROVABLE)
