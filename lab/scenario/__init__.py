"""Scenarios: a steady state, a fault, predictions in numbers, a recovery, and a rollback that always happens.

A scenario is one file in `scenarios/`: a docstring that tells it, and a `SCENARIO` made of phases. Everything it
needs is exported here; AWS appears only as probes, faults and the experiment's verbs.

A prediction that cannot fail says nothing: tests/integration/mutants.py names for each one what is to be broken so that
it fails, and test_mutants.py breaks it.
"""

from lab.common.results import Result, Verdict
from lab.faults import catalogue as faults
from lab.scenario import probes, rules
from lab.scenario.experiment import Experiment
from lab.scenario.model import (
    Phase,
    Prediction,
    Probe,
    Scenario,
    Tolerance,
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
    "Experiment",
    "Phase",
    "Prediction",
    "Probe",
    "Result",
    "Scenario",
    "Tolerance",
    "Verdict",
    "at_least",
    "at_most",
    "between",
    "exactly",
    "faults",
    "probes",
    "recovery",
    "rules",
    "steady",
    "under",
    "where",
]
