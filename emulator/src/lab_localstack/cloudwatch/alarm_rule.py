"""The rule of a composite alarm: states of other alarms, joined by AND, OR and NOT."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lark import Lark, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from lab_localstack.cloudwatch.errors import ValidationException
from lab_localstack.cloudwatch.evaluation import State

_PARSER = Lark(Path(__file__).with_suffix(".lark").read_text(), parser="lalr")
MAX_CHILDREN = 100

type States = Mapping[str, State]
"""The states of alarms by their names."""
type Condition = Callable[[States], bool]


@dataclass(frozen=True)
class AlarmRule:
    """A rule that was parsed: the names of its alarms, in their order, and what it says of their states."""

    names: tuple[str, ...]
    holds: Condition


class _Compiler(Transformer[Any, Condition]):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def name(self, tokens: list[str]) -> str:
        """An alarm's name, from its name or its ARN, with quotation marks or without."""
        name = tokens[0].strip('"')
        name = name.partition(":alarm:")[2] if name.startswith("arn:") else name
        self.names[name] = None
        return name

    def in_state(self, tokens: list[str]) -> Condition:
        state, name = tokens
        return lambda states: states.get(name) == state

    def any_of(self, conditions: list[Condition]) -> Condition:
        return lambda states: any(condition(states) for condition in conditions)

    def all_of(self, conditions: list[Condition]) -> Condition:
        return lambda states: all(condition(states) for condition in conditions)

    def negated(self, conditions: list[Condition]) -> Condition:
        return lambda states: not conditions[0](states)

    def true(self, _: list[Any]) -> Condition:
        return lambda _states: True

    def false(self, _: list[Any]) -> Condition:
        return lambda _states: False


def parse(text: str) -> AlarmRule:
    """The rule that the text says. Raises ValidationException."""
    compiler = _Compiler()
    try:
        holds = compiler.transform(_PARSER.parse(text))
        holds({})
    except UnexpectedInput as error:
        raise ValidationException(f"Error in AlarmRule [{_unexpected(error)}]") from error
    except RecursionError as error:
        raise ValidationException("Error in AlarmRule [The rule is nested too deeply]") from error
    if len(compiler.names) > MAX_CHILDREN:
        raise ValidationException(f"Error in AlarmRule [The rule refers to more than {MAX_CHILDREN} alarms]")
    return AlarmRule(tuple(compiler.names), holds)


def _unexpected(error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedCharacters):
        return f"Unsupported token '{error.char}' at char {error.pos_in_stream}"
    if isinstance(error, UnexpectedToken) and error.token:
        return f"Unsupported token '{error.token}' at char {error.pos_in_stream}"
    return "The rule ends where more is expected"
