"""Text from strangers, asked of every rule of the engine that parses any: it answers or refuses, and soon.

Bodies for the filters of mappings, log lines, embedded metrics, events, messages of topics, attributes, answers of
functions and authorizers, policies: each text goes through all of them, in the engine's own environment (rules.py).
"""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import IO, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab_localstack import globs
from support.engines import EMULATOR, PYTHON

pytestmark = pytest.mark.evidence("ours")

DEEP = 50_000
"""Levels, far beyond Python's own."""

# Names that the rules look for, so that a document gets past their first look.
NAMES = st.sampled_from(
    ["a", "b", "c", "d", "detail", "_aws", "", "errorMessage", "body", "headers", "Statement"]
)
TEXTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["x", "NaN", "-inf", "1e400", "1_000", "\x00", "\ud800", "\u2028", "10.0.0.1", "x" * 2000, "1.2.3"]
)
NUMBERS = st.sampled_from(
    [
        "0",
        "-0",
        "1e2",
        "1E-2",
        "1e400",
        "-1e400",
        "1e-400",
        "9" * 400,
        "9" * 5000,
        "0.1",
        "NaN",
        "Infinity",
        "-Infinity",
    ]
) | st.integers().map(str)
SCALARS = NUMBERS | st.sampled_from(["null", "true", "false"]) | TEXTS.map(json.dumps)


def _object(members: list[tuple[str, str]]) -> str:
    """Names may come twice."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members) + "}"


DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda members: f"[{','.join(members)}]")
        | st.lists(st.tuples(NAMES | TEXTS, inner), max_size=5).map(_object)
    ),
    max_leaves=12,
)
OBJECTS = st.lists(st.tuples(NAMES, DOCUMENTS), max_size=6).map(_object)

SHAPES = [
    '{"a":HOLE,"b":HOLE}',
    '{"a":{"b":HOLE}}',
    '{"batchItemFailures":HOLE}',
    '{"batchItemFailures":[{"itemIdentifier":HOLE}]}',
    '{"errorMessage":HOLE}',
    '{"statusCode":HOLE,"body":"x"}',
    '{"statusCode":200,"headers":HOLE,"cookies":HOLE}',
    '{"isAuthorized":HOLE,"context":HOLE}',
    '{"policyDocument":{"Statement":HOLE}}',
    '{"policyDocument":{"Statement":[{"Effect":HOLE,"Action":HOLE,"Resource":HOLE}]}}',
    '{"Statement":[{"Effect":"Allow","Action":HOLE,"Resource":HOLE,"Condition":HOLE}]}',
    '{"maxReceiveCount":HOLE,"deadLetterTargetArn":HOLE}',
    '{"_aws":HOLE,"a":1}',
    '{"_aws":{"Timestamp":HOLE,"CloudWatchMetrics":HOLE},"a":1}',
    '{"_aws":{"Timestamp":NOW,"CloudWatchMetrics":[{"Namespace":HOLE,"Metrics":HOLE,"Dimensions":HOLE}]},"a":1}',
    '{"_aws":{"Timestamp":NOW,"CloudWatchMetrics":[{"Namespace":"n","Metrics":[{"Name":"a","Unit":HOLE}],'
    '"Dimensions":[["b"]]}]},"a":HOLE,"b":"x"}',
    "REPORT RequestId: r\tDuration: HOLE ms\tMax Memory Used: 1.2.3 MB",
    "HOLE:HOLE",
    "[HOLE] HOLE \"HOLE",
]  # fmt: skip


@st.composite
def shaped(draw: st.DrawFn) -> str:
    """What a rule expects, but for some parts of it."""
    pieces = draw(st.sampled_from(SHAPES)).replace("NOW", "1795942800000").split("HOLE")
    return pieces[0] + "".join(draw(DOCUMENTS) + piece for piece in pieces[1:])


@st.composite
def cut(draw: st.DrawFn) -> str:
    """A document with its end missing."""
    text = draw(OBJECTS)
    return text[: draw(st.integers(0, len(text)))]


@given(st.text("ab*", max_size=6), st.text("ab", max_size=12))
def test_a_wildcard_matches_the_same_texts_as_the_regular_expression(pattern: str, text: str) -> None:
    """Property: only the time it takes is another."""
    whole = re.compile(".*".join(map(re.escape, pattern.split("*"))))
    assert globs.fits(pattern, text) == (whole.fullmatch(text) is not None)


class Rules:
    """The rules, in a process of the engine's environment."""

    def __init__(self) -> None:
        script = EMULATOR / "tests" / "support" / "rules.py"
        self._process = subprocess.Popen(
            [PYTHON, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def failures(self, text: str) -> list[list[str]]:
        """The rules that neither answered nor refused, with what they did instead."""
        given, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        given.write(json.dumps(text) + "\n")
        given.flush()
        answer = answers.readline()
        assert answer, f"the process ended: {self._process.wait()}"
        return json.loads(answer)

    def close(self) -> None:
        cast("IO[str]", self._process.stdin).close()
        self._process.wait(10)


@pytest.fixture(scope="module")
def rules() -> Iterator[Rules]:
    started = Rules()
    yield started
    started.close()


@settings(max_examples=400)
@given(shaped() | OBJECTS | DOCUMENTS | cut() | TEXTS)
@example('{"a":NaN,"b":-Infinity}')
@example('{"_aws":{"Timestamp":1e400,"CloudWatchMetrics":[{}]}}')
def test_no_text_makes_a_rule_raise(rules: Rules, text: str) -> None:
    """Property: every rule answers, or refuses as its caller expects, within two seconds."""
    assert rules.failures(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        '{"orderId":"o","a":' + "[" * DEEP + "]" * DEEP + "}",
        '{"a":' * 900 + "1" + "}" * 900,
        '{"a":[' * 45 + "1" + "]}" * 45,
        '{"a":' + "9" * 5000 + "}",
        '{"a":' + "9" * 100_000 + "}",
        '{"a":"' + "x" * 1_000_000 + '"}',
        '{"a":"' + "\\ud800" * 10_000 + '"}',
        '{"a":"' + "xy" * 100_000 + '","b":"' + "xy" * 100_000 + '"}',
        json.dumps({"a": list(range(3000)), "b": list(range(3000)), "c": {"d": list(range(3000))}}),
        json.dumps({"a": [{"b": list(range(50))}] * 50, "b": [{"a": 1}] * 1000}),
        json.dumps({"n" * 100_000: list(range(20_000))}),
        "[ " * 100_000,
        '" ' * 100_001,
        "\x00" * 100_000,
        "REPORT RequestId: r" + "\tDuration: 1.2.3 ms" * 1000,
    ],
    ids=[
        "nested lists", "nested objects", "deep member", "nested as deep as Python walks", "nested as deep as is read",
        "5,000 digits", "100,000 digits", "a megabyte", "halves of surrogate pairs", "a wildcard's text",
        "long lists beside each other", "lists in lists", "a long name over many members", "open brackets", "quotes",
        "NUL", "a report",
    ],
)  # fmt: skip
def test_a_text_of_extreme_shape_is_answered_or_refused_soon(rules: Rules, text: str) -> None:
    failures = rules.failures(text)
    assert failures == []
