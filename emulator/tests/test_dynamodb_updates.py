"""Update expressions: those of whole attributes, which the emulator carries out itself, and all others alike."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from support.errors import refused

pytestmark = pytest.mark.evidence("ours")


@pytest.fixture(scope="module")
def table(dynamodb: Any) -> Iterator[str]:
    """A table with partition key `id` and an index on `looked_up`."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "looked_up", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-looked-up",
                "KeySchema": [{"AttributeName": "looked_up", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


N5: dict[str, Any] = {"n": {"N": "5"}}


class Row:
    """One row, and updates of it."""

    def __init__(self, dynamodb: Any, table: str, **attributes: dict[str, Any]) -> None:
        self._dynamodb, self._table = dynamodb, table
        self.key = {"id": {"S": uuid.uuid4().hex}}
        if attributes:
            dynamodb.put_item(TableName=table, Item=self.key | attributes)

    def update(self, expression: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
        given = {"ExpressionAttributeValues": values} if values else {}
        return self._dynamodb.update_item(
            TableName=self._table, Key=self.key, UpdateExpression=expression, **given, **more
        )

    @property
    def item(self) -> dict[str, Any] | None:
        found = self._dynamodb.get_item(TableName=self._table, Key=self.key).get("Item")
        return {name: value for name, value in found.items() if name != "id"} if found else None


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("SET a = :x, b = :y", {":x": {"N": "1"}, ":y": {"S": "s"}}, N5 | {"a": {"N": "1"}, "b": {"S": "s"}}),
        ("set a=:x remove n", {":x": {"BOOL": True}}, {"a": {"BOOL": True}}),
        ("SET n = n + :x", {":x": {"N": "2"}}, {"n": {"N": "7"}}),
        ("SET n = n - :x", {":x": {"N": "0.1"}}, {"n": {"N": "4.9"}}),
        ("SET a = n, n = :x", {":x": {"N": "0"}}, {"a": {"N": "5"}, "n": {"N": "0"}}),
        ("SET n = if_not_exists(n, :x)", {":x": {"N": "0"}}, {"n": {"N": "5"}}),
        ("SET m = if_not_exists(m, :x) + :x", {":x": {"N": "3"}}, {"m": {"N": "6"}, "n": {"N": "5"}}),
        ("ADD n :x, m :x", {":x": {"N": "-1"}}, {"n": {"N": "4"}, "m": {"N": "-1"}}),
        ("REMOVE n, nothing", None, {}),
        ("SET a = :x", {":x": {"M": {"k": {"L": [{"N": "1"}]}}}}, N5 | {"a": {"M": {"k": {"L": [{"N": "1"}]}}}}),
        ("ADD s :x", {":x": {"SS": ["one"]}}, {"s": {"SS": ["one"]}, "n": {"N": "5"}}),
        (
            "SET l = list_append(if_not_exists(l, :e), :x)",
            {":e": {"L": []}, ":x": {"L": [{"N": "1"}]}},
            N5 | {"l": {"L": [{"N": "1"}]}},
        ),
        ("SET looked_up = :x", {":x": {"S": "i"}}, {"looked_up": {"S": "i"}, "n": {"N": "5"}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_update_expression_changes_the_attributes_it_names(
    dynamodb: Any, table: str, expression: str, values: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    row = Row(dynamodb, table, n={"N": "5"})
    row.update(expression, values)
    assert row.item == expected


def test_a_nested_attribute_is_changed_in_place(dynamodb: Any, table: str) -> None:
    row = Row(dynamodb, table, m={"M": {"deep": {"N": "1"}, "other": {"N": "9"}}})
    row.update("SET m.deep = :x", {":x": {"N": "2"}})
    assert row.item == {"m": {"M": {"deep": {"N": "2"}, "other": {"N": "9"}}}}


def test_an_update_creates_the_row_that_was_not_there(dynamodb: Any, table: str) -> None:
    row = Row(dynamodb, table)
    row.update("ADD n :x", {":x": {"N": "1"}})
    assert row.item == {"n": {"N": "1"}}


def test_the_old_and_the_new_values_are_returned(dynamodb: Any, table: str) -> None:
    row = Row(dynamodb, table, n={"N": "5"}, o={"S": "same"})
    values = {":x": {"N": "1"}}
    new = row.update("SET n = n + :x", values, ReturnValues="UPDATED_NEW")["Attributes"]
    old = row.update("SET n = n + :x", values, ReturnValues="ALL_OLD")["Attributes"]
    assert new == {"n": {"N": "6"}}
    assert old == row.key | {"n": {"N": "6"}, "o": {"S": "same"}}


@pytest.mark.parametrize(
    ("expression", "values", "more"),
    [
        ("SET a = :missing", {":x": {"N": "1"}}, {}),
        ("SET a = :x", {":x": {"N": "1"}, ":unused": {"N": "1"}}, {}),
        ("SET #a = :x", {":x": {"N": "1"}}, {}),
        ("SET id = :x", {":x": {"S": "other"}}, {}),
        ("SET name = :x", {":x": {"N": "1"}}, {}),
        ("SET a = :x, #a = :x", {":x": {"N": "1"}}, {"ExpressionAttributeNames": {"#a": "a"}}),
        ("SET a = :x SET b = :x", {":x": {"N": "1"}}, {}),
        ("SET a = nothing", None, {}),
        ("SET n = s + :x", {":x": {"N": "1"}}, {}),
        ("ADD s :x", {":x": {"N": "1"}}, {}),
        ("SET a = = :x", {":x": {"N": "1"}}, {}),
        ("", None, {}),
    ],
    ids=[
        "value not given", "value not used", "name not given", "key", "reserved word", "twice", "two SETs",
        "attribute that is not there", "text plus number", "ADD to text", "syntax", "empty",
    ],
)  # fmt: skip
def test_an_update_that_is_wrong_is_refused_and_changes_nothing(
    dynamodb: Any, table: str, expression: str, values: dict[str, Any] | None, more: dict[str, Any]
) -> None:
    before = {"n": {"N": "5"}, "s": {"S": "text"}}
    row = Row(dynamodb, table, **before)
    with refused("ValidationException"):
        row.update(expression, values, **more)
    assert row.item == before


def test_a_condition_is_judged_by_its_own_values_each_time(dynamodb: Any, table: str) -> None:
    """Its text is parsed once; what it is compared with is not remembered."""
    row = Row(dynamodb, table, n={"N": "5"})
    condition = {"ConditionExpression": "n = :old"}
    for old, new in (("5", "6"), ("6", "7")):
        row.update("SET n = :new", {":old": {"N": old}, ":new": {"N": new}}, **condition)
    with refused("ConditionalCheckFailedException"):
        row.update("SET n = :new", {":old": {"N": "6"}, ":new": {"N": "8"}}, **condition)
    assert row.item == {"n": {"N": "7"}}


def test_one_text_under_two_names_is_two_conditions(dynamodb: Any, table: str) -> None:
    row = Row(dynamodb, table, a={"N": "1"}, b={"N": "2"})
    for name, value in (("a", "1"), ("b", "2")):
        row.update(
            "SET seen = :v",
            {":v": {"N": value}},
            ConditionExpression="#which = :v",
            ExpressionAttributeNames={"#which": name},
        )
    assert (row.item or {})["seen"] == {"N": "2"}
