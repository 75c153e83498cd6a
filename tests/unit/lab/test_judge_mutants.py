"""Each fault that is put into a judge, its ledger or its rules, makes it say something wrong of some history."""

import sys
from types import ModuleType

import pytest

from lab.common import paths
from lab.history import History
from tests.support.mutation import Mutation
from tests.unit.lab.test_history_rules import BROKEN, SOUND

OF_THE_LEDGER = ("one place", "one letter", "no foreign letters")
"""Rules whose breaches show in the ledger, too."""

LEDGER, PLACES, RULES = "lab/pipeline/ledger.py", "lab/history/places.py", "lab/history/rules.py"

MUTANTS = {
    "a lost order is counted as waiting": Mutation(
        LEDGER, "_places_of", "places.queued and places.waiting.get(order_id)", "places.waiting.get(order_id)"
    ),
    "one lost order is made up for by another's second letter": Mutation(
        LEDGER, "settle", "() if unseen else nowhere", "nowhere[len(places.letters) - len(letters) :]"
    ),
    "a done order's letter is not looked at": Mutation(
        LEDGER, "_places_of", "order_id in letters", 'order_id in letters and "done" not in found'
    ),
    "foreign letters are not told": Mutation(
        LEDGER, "settle", "letter.order_id not in seen", "letter.order_id is None"
    ),
    "a message that others sent is the fault of a run that was not alone": Mutation(
        LEDGER, "Ledger.unaccounted", "self.alone", "True"
    ),
    "what is not processed is on its way": Mutation(
        PLACES, "under_way", "not settled.get(message)", "message not in settled"
    ),
    "a failed message is settled for good": Mutation(
        PLACES, "under_way", 'not event.facts.get("willRetry")', "True"
    ),
    "the message that was requeued still waits": Mutation(
        PLACES, "under_way", 'settled[str(event.facts.get("from"))] = True', "pass"
    ),
    "a letter of SQS still waits": Mutation(PLACES, "under_way", "settled[event.letter] = True", "pass"),
    "a discarded order stays so whatever comes": Mutation(
        PLACES, "_given_up", 'given_up.discard(event.order_id or "")', "pass"
    ),
    "a second effect is overlooked in the logs": Mutation(
        RULES,
        "one_effect",
        '[len(effects), *(int(row.facts.get("executions", 1)) for row in rows)]',
        '[1, *(int(row.facts.get("executions", 1)) for row in rows)]',
    ),
    "a second effect is overlooked in the row": Mutation(
        RULES, "one_effect", 'int(row.facts.get("executions", 1))', "1"
    ),
    "effects need no acceptance": Mutation(
        RULES, "no_effect_without_acceptance", "not promised", "promised is None"
    ),
    "a death needs no announcement": Mutation(
        RULES, "announced", '"OrderFailed" not in {outcome for _, outcome in told}', "False"
    ),
    "an effect is announced by another order's event": Mutation(
        RULES, "announced", '(effect.key, "OrderProcessed") not in told', "False"
    ),
    "an excuse is not heard": Mutation(RULES, "announced", "death.message_id not in excused", "True"),
    "ids of one outcome are not compared": Mutation(
        RULES, "one_id_an_outcome", 'event.facts.get("eventId")', '"the same"'
    ),
    "a letter without cause is taken for one of SQS": Mutation(
        RULES, "deaths_have_causes", "letter.letter in ways.messages", "True"
    ),
    "a letter of SQS is taken for one without cause": Mutation(
        RULES, "deaths_have_causes", "letter.letter in ways.messages", "False"
    ),
    "a redriven letter may stay": Mutation(
        RULES,
        "redriven_letters_left",
        "ways.history.of(Kind.REDRIVEN, Kind.EDITED, Kind.DELETED, Kind.DISCARDED)",
        "ways.history.of(Kind.DISCARDED)",
    ),
    "two letters of an order are one": Mutation(RULES, "one_letter", "len(letters) > 1", "len(letters) > 2"),
    "what is discarded may be processed": Mutation(
        RULES, "discarded_stays_so", "effects and not again", "effects and again"
    ),
}


def judges(mutation: Mutation | None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`lab.history.check` and what it rests on, loaded again with a fault in one file."""
    for file in (LEDGER, PLACES, RULES, "lab/history/check.py"):
        name = file.removesuffix(".py").replace("/", ".")
        source = (paths.ROOT / file).read_text()
        if mutation and mutation.file == file:
            source = mutation.applied(source)
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(source, file, "exec"), module.__dict__)  # noqa: S102  the project's own code
    return sys.modules["lab.history.check"]


def wrong(check: ModuleType) -> list[str]:
    """The histories on which these judges do not say what they should."""

    def balanced(history: History) -> bool:
        return sys.modules["lab.history.places"].ledger_of(history).balanced

    def convicted(history: History, rule: str, order_id: str) -> bool:
        broken = {one.name: found for one, found in check.check(history).breaches.items()}
        by_ledger = rule not in OF_THE_LEDGER or not balanced(history)
        return by_ledger and any(breach.order_id == order_id for breach in broken[rule])

    accused = [
        name for name, history in SOUND.items() if not (check.check(history).kept and balanced(history))
    ]
    return accused + [
        name
        for name, (history, rule, order_id, _) in BROKEN.items()
        if not convicted(history, rule, order_id)
    ]


def test_judges_that_are_loaded_again_as_they_are_say_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong(judges(None, monkeypatch)) == []


@pytest.mark.parametrize("mutation", MUTANTS.values(), ids=MUTANTS.keys())
def test_a_judge_with_a_fault_says_something_wrong(
    mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrong(judges(mutation, monkeypatch)) != []
