"""Scenarios: a steady state, a fault, predictions in numbers, a recovery, and a rollback that always happens.

A scenario is one file in `scenarios/`: a docstring that tells it, and a `SCENARIO` made of acts. Everything it
needs is exported here; AWS appears only as readings, faults and the experiment's verbs.

A prediction that cannot fail says nothing: tests/integration/mutants.py names for each one what is to be broken so that
it fails, and test_mutants.py breaks it.
"""

from lab.faults import catalogue as faults
from lab.scenario import read
from lab.scenario.experiment import Experiment
from lab.scenario.model import (
    Act,
    Expected,
    Finding,
    Prediction,
    Reading,
    Scenario,
    Verdict,
    at_least,
    at_most,
    between,
    exactly,
    recovery,
    steady,
    under,
    where,
)

__all__ = [
    "Act",
    "Expected",
    "Experiment",
    "Finding",
    "Prediction",
    "Reading",
    "Scenario",
    "Verdict",
    "at_least",
    "at_most",
    "between",
    "exactly",
    "faults",
    "read",
    "recovery",
    "steady",
    "under",
    "where",
]
