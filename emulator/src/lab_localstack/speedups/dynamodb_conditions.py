"""Condition and filter expressions, parsed once: moto's parser takes a millisecond each time.

What is remembered depends on the expression and on its names alone; values are looked up again for every call.
"""

from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser, OpDefault

_make_operand = ConditionExpressionParser._make_operand  # pyright: ignore[reportPrivateUsage]


def parse(parser: ConditionExpressionParser) -> Any:
    """In place of `ConditionExpressionParser.parse`. Raises what that raises."""
    text = parser.condition_expression
    if not text:
        return OpDefault(None, None)  # pyright: ignore[reportArgumentType]
    names = parser.expression_attribute_names or {}
    values = parser.expression_attribute_values or {}
    tree, used_names, used_values = _tree(text, tuple(sorted(names.items())), tuple(sorted(values)))
    parser.expr_attr_names_found.extend(used_names)
    parser.expr_attr_values_found.extend(used_values)
    return parser._make_op_condition(tree)  # pyright: ignore[reportPrivateUsage]


def make_operand(parser: ConditionExpressionParser, node: Any) -> Any:
    """In place of `ConditionExpressionParser._make_operand`: a remembered tree has no values."""
    if node.kind == parser.Kind.EXPRESSION_ATTRIBUTE_VALUE:
        return AttributeValue((parser.expression_attribute_values or {})[node.text])
    return _make_operand(parser, node)


@lru_cache(maxsize=1024)
def _tree(
    text: str, names: tuple[tuple[str, str], ...], values: tuple[str, ...]
) -> tuple[Any, list[str], list[str]]:
    """Moto's syntax tree, and the placeholders that occur in it."""
    parser: Any = ConditionExpressionParser(text, dict(names), {name: {} for name in values})
    nodes = parser._parse_paths(parser._lex_condition_expression())
    for step in (
        parser._apply_functions,
        parser._apply_comparator,
        parser._apply_in,
        parser._apply_between,
        parser._apply_parens_and_booleans,
    ):
        nodes = step(nodes)
    return nodes[0], parser._find_literals(nodes[0]), parser._find_expr_attr_values(nodes[0])
