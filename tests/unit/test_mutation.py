"""Mutations are found by what the code says, whatever it looks like, and every one of the lists is found."""

import pytest

from lab.common import paths
from tests.integration.mutants import MUTANTS
from tests.mutations import JUDGES, MUTATIONS, VERDICTS
from tests.support.mutation import Mutation

SOURCE = '''
LIMIT = 3

class Batch:
    """A batch."""

    def add(self, entry):
        if len(self.entries) < LIMIT:
            self.entries.append(entry)

    def room(self):
        return LIMIT - len(self.entries) < LIMIT
'''
LISTED = {
    mutation: broken
    for broken, mutation in [
        *((f"{mutant}", mutant.patch.mutation) for mutant in MUTANTS if mutant.patch),
        *MUTATIONS.items(),
        *VERDICTS.items(),
        *JUDGES.items(),
    ]
}


def within(name: str, was: str, becomes: str) -> Mutation:
    return Mutation("batch.py", name, was, becomes)


def test_an_expression_is_replaced_whatever_its_layout_and_comments() -> None:
    mutation = within("Batch.add", "len(self.entries)<LIMIT", "True")
    laid_out = SOURCE.replace("len(self.entries) < LIMIT:", "(  # full\n    len(self.entries)\n    < LIMIT):")
    assert laid_out != SOURCE
    assert mutation.applied(SOURCE) == mutation.applied(laid_out)
    assert "if True:" in mutation.applied(SOURCE)


def test_a_statement_is_replaced_by_a_statement() -> None:
    assert "pass" in within("Batch.add", "self.entries.append(entry)", "pass").applied(SOURCE)
    assert "LIMIT = 1" in within("", "LIMIT = 3", "LIMIT = 1").applied(SOURCE)


def test_code_outside_the_named_function_is_left_alone() -> None:
    mutated = within("Batch.room", "len(self.entries)", "0").applied(SOURCE)
    assert "if len(self.entries) < LIMIT:" in mutated
    assert "return LIMIT - 0 < LIMIT" in mutated


@pytest.mark.parametrize(
    ("mutation", "said"),
    [
        (within("Batch.add", "gone()", "True"), "batch.py, Batch.add: 'gone()' is there 0 times, not once"),
        (within("Batch", "len(self.entries)", "0"), "'len(self.entries)' is there 2 times, not once"),
        (within("Batch.gone", "LIMIT", "0"), "batch.py: Batch.gone is there 0 times, not once"),
    ],
    ids=["missing", "ambiguous", "no-such-function"],
)
def test_a_place_that_is_not_there_once_is_an_error_that_names_it(mutation: Mutation, said: str) -> None:
    with pytest.raises(AssertionError) as raised:
        mutation.applied(SOURCE)
    assert said in str(raised.value)


@pytest.mark.parametrize("mutation", LISTED, ids=LISTED.get)
def test_every_listed_mutation_applies_to_the_code_and_compiles(mutation: Mutation) -> None:
    source = (paths.ROOT / mutation.file).read_text()
    mutated = mutation.applied(source)
    compile(mutated, mutation.file, "exec")
    assert mutated != Mutation(mutation.file, mutation.within, mutation.was, mutation.was).applied(source)
