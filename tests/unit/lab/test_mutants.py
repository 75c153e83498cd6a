"""Every prediction of every scenario has a mutant that refutes it (tests/integration/test_mutants.py runs them)."""

import pytest

from lab.scenario.catalog import load, names
from tests.integration.mutants import LEDGER, MUTANTS


def refuted(name: str) -> set[tuple[str, str]]:
    """By phase and name what the mutants of a scenario refute."""
    return {
        (phase, prediction)
        for mutant in MUTANTS
        if mutant.scenario == name
        for phase, predictions in mutant.refutes.items()
        for prediction in predictions
    }


@pytest.mark.parametrize("name", names())
def test_every_prediction_of_a_scenario_is_refuted_by_a_mutant(name: str) -> None:
    predicted = {(phase.name, prediction.name) for phase, prediction in load(name).scenario.predictions}
    of_the_runner = {("ledger", prediction) for prediction in LEDGER}
    assert predicted - refuted(name) == set()
    assert refuted(name) - predicted - of_the_runner == set()


def test_the_ledger_of_the_runner_is_refuted_by_a_mutant() -> None:
    found = {prediction for name in names() for phase, prediction in refuted(name) if phase == "ledger"}
    assert found == set(LEDGER)
