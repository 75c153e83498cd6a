"""docs/from-the-original.md is true: its commands, run in one shell from top to bottom, say what the page says."""

import re
from itertools import pairwise

import pytest

from lab.common import paths
from lab.pipeline.observe import Pipeline
from tests.support.pages import blocks, run

pytestmark = pytest.mark.long

PAGE = paths.ROOT / "docs" / "from-the-original.md"
BLOCKS = blocks(PAGE)
END = "--- end of a block ---"
COMMANDS = [text for kind, text in BLOCKS if kind == "sh"]
EXPECTED = [
    (COMMANDS.index(before), after)
    for (kind, before), (next_kind, after) in pairwise(BLOCKS)
    if (kind, next_kind) == ("sh", "text")
]


@pytest.fixture(scope="module")
def told(pipeline: Pipeline) -> list[str]:
    """What each block of the page printed."""
    script = "".join(f"{{ {block}}} 2>&1\necho '{END}'\n" for block in COMMANDS)
    done = run(script, pipeline)
    return done.stdout.split(END)


def pattern(expected: str) -> str:
    """A block of text as a pattern, in which `...` stands for anything. curl's answers end without a line break."""
    lines = (re.escape(line).replace(re.escape("..."), ".*") for line in expected.split("\n"))
    return r"\s*".join(lines)


@pytest.mark.parametrize(("block", "expected"), EXPECTED)
def test_the_commands_of_a_block_say_what_the_page_says(told: list[str], block: int, expected: str) -> None:
    assert re.fullmatch(pattern(expected), told[block].strip(), re.DOTALL), told[block]


@pytest.mark.parametrize(
    ("expected", "said", "fits"),
    [
        ("a...c\n4", "abc\n4", True),
        ("a...c\n4", "abd\n4", False),
        ("4", "40", False),
        ("a\nb", "a b", True),
        ("a\nb", "axb", False),
        ("{...}", "{}", True),
    ],
)
def test_dots_stand_for_anything_and_all_else_for_itself(expected: str, said: str, *, fits: bool) -> None:
    assert bool(re.fullmatch(pattern(expected), said, re.DOTALL)) is fits


def test_every_block_of_text_follows_one_of_commands() -> None:
    assert len(EXPECTED) == sum(kind == "text" for kind, _ in BLOCKS) > 8
    assert {kind for kind, _ in BLOCKS} == {"sh", "text"}
