"""docs/parity.md and docs/refusals.md say of the host packaging what it answers."""

import json

import pytest

from lab.engines import clients
from lab.parity import FEATURES, Feature
from lab.parity.page import MEASURED
from lab.parity.probe import answer
from lab.parity.refusals import REFUSALS, Refusal, words

HOST = json.loads(MEASURED.read_text())["host"]
ANSWERED = {asked["name"]: asked["answered"] for asked in HOST["answers"]}


@pytest.mark.parametrize("refusal", REFUSALS, ids=[refusal.asked for refusal in REFUSALS])
def test_what_the_engine_does_not_do_is_refused_in_the_words_of_the_page(
    engine_endpoint: str, refusal: Refusal
) -> None:
    assert words(clients.local(engine_endpoint), refusal) == HOST["refused"][refusal.asked]


@pytest.mark.long
@pytest.mark.parametrize(
    "feature", [feature for feature in FEATURES if not feature.with_iam], ids=lambda feature: feature.name
)
def test_engine_answers_as_the_page_says(engine_endpoint: str, feature: Feature) -> None:
    assert answer(clients.local(engine_endpoint), feature).seen == ANSWERED[feature.name]
