"""DynamoDB as the pipeline relies on it: atomic writes, transactions, expiry, limits."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.errors import code, refused
from support.eventually import eventually

pytestmark = pytest.mark.evidence("documented", source="DynamoDB API reference")


@pytest.fixture(scope="module")
def table(dynamodb: Any) -> Iterator[str]:
    """A table with partition key `id` and TTL attribute `expiration`."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expiration"}
    )
    yield name
    dynamodb.delete_table(TableName=name)


def key() -> dict[str, Any]:
    """The key of an item that does not exist yet."""
    return {"id": {"S": uuid.uuid4().hex}}


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(work, range(count)))


@pytest.mark.parametrize("round_", range(3))
def test_of_many_concurrent_conditional_puts_exactly_one_succeeds(
    dynamodb: Any, table: str, round_: int
) -> None:
    item = key()
    wide = {f"attribute{number}": {"N": "1"} for number in range(1000)}  # takes a while to store

    def put(number: int) -> bool:
        try:
            dynamodb.put_item(
                TableName=table,
                Item=item | wide | {"by": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(id)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    won = [number for number, success in enumerate(in_threads(12, put)) if success]

    assert len(won) == 1
    stored = dynamodb.get_item(TableName=table, Key=item, ConsistentRead=True)["Item"]
    assert stored["by"] == {"N": str(won[0])}


def test_no_concurrent_increment_is_lost(dynamodb: Any, table: str) -> None:
    item = key()
    in_threads(
        100,
        lambda _: dynamodb.update_item(
            TableName=table,
            Key=item,
            UpdateExpression="ADD executions :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        ),
    )

    assert dynamodb.get_item(TableName=table, Key=item)["Item"]["executions"] == {"N": "100"}


def test_concurrent_transactions_on_the_same_items_keep_their_sum(dynamodb: Any, table: str) -> None:
    accounts = [key() | {"balance": {"N": "50"}} for _ in range(2)]
    for account in accounts:
        dynamodb.put_item(TableName=table, Item=account)

    def move(amount: str, account: dict[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": table,
                "Key": {"id": account["id"]},
                "UpdateExpression": "ADD balance :amount",
                "ConditionExpression": "balance > :floor",
                "ExpressionAttributeValues": {":amount": {"N": amount}, ":floor": {"N": "0"}},
            }
        }

    def transfer(_: int) -> None:
        with suppress(dynamodb.exceptions.TransactionCanceledException):
            dynamodb.transact_write_items(TransactItems=[move("-1", accounts[0]), move("1", accounts[1])])

    in_threads(80, transfer)

    balances = [
        int(dynamodb.get_item(TableName=table, Key={"id": account["id"]})["Item"]["balance"]["N"])
        for account in accounts
    ]
    assert balances == [0, 100]


def test_a_failed_condition_returns_the_item_that_was_there(dynamodb: Any, table: str) -> None:
    item = key() | {"status": {"S": "PROCESSED"}}
    dynamodb.put_item(TableName=table, Item=item)

    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as error:
        dynamodb.put_item(
            TableName=table,
            Item=item,
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert error.value.response["Item"] == item


def test_an_update_that_fails_half_way_changes_nothing(dynamodb: Any, table: str) -> None:
    item = key() | {"text": {"S": "unchanged"}}
    dynamodb.put_item(TableName=table, Item=item)

    with refused("ValidationException"):
        dynamodb.update_item(
            TableName=table,
            Key={"id": item["id"]},
            UpdateExpression="SET added = :one ADD #text :one",
            ExpressionAttributeNames={"#text": "text"},
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    assert dynamodb.get_item(TableName=table, Key={"id": item["id"]})["Item"] == item


def test_an_update_too_large_for_an_item_creates_none(dynamodb: Any, table: str) -> None:
    item = key()

    with refused("ValidationException"):
        dynamodb.update_item(
            TableName=table,
            Key=item,
            UpdateExpression="SET body = :body",
            ExpressionAttributeValues={":body": {"S": "x" * 410_000}},
        )
    assert "Item" not in dynamodb.get_item(TableName=table, Key=item)


def test_a_canceled_transaction_gives_a_reason_for_every_item_and_writes_nothing(
    dynamodb: Any, table: str
) -> None:
    existing, new = key(), key()
    dynamodb.put_item(TableName=table, Item=existing | {"status": {"S": "DONE"}})

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as error:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table, "Item": new}},
                {
                    "Put": {
                        "TableName": table,
                        "Item": existing,
                        "ConditionExpression": "attribute_not_exists(id)",
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                },
                {"Delete": {"TableName": table, "Key": key()}},
            ]
        )

    assert error.value.response["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": existing | {"status": {"S": "DONE"}},
        },
        {"Code": "None"},
    ]
    assert "[None, ConditionalCheckFailed, None]" in error.value.response["Error"]["Message"]
    assert "Item" not in dynamodb.get_item(TableName=table, Key=new)


def test_a_transaction_that_cannot_be_applied_is_undone(dynamodb: Any, table: str) -> None:
    new, text = key(), key() | {"text": {"S": "unchanged"}}
    dynamodb.put_item(TableName=table, Item=text)

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as error:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table, "Item": new}},
                {
                    "Update": {
                        "TableName": table,
                        "Key": {"id": text["id"]},
                        "UpdateExpression": "SET added = :one ADD #text :one",
                        "ExpressionAttributeNames": {"#text": "text"},
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                },
            ]
        )

    assert [reason["Code"] for reason in error.value.response["CancellationReasons"]] == [
        "None",
        "ValidationError",
    ]
    assert "Item" not in dynamodb.get_item(TableName=table, Key=new)
    assert dynamodb.get_item(TableName=table, Key={"id": text["id"]})["Item"] == text


def test_a_transaction_repeated_with_its_token_is_done_once(dynamodb: Any, table: str) -> None:
    item = key()
    increment = {
        "Update": {
            "TableName": table,
            "Key": item,
            "UpdateExpression": "ADD executions :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    token = uuid.uuid4().hex

    for _ in range(2):
        dynamodb.transact_write_items(TransactItems=[increment], ClientRequestToken=token)

    assert dynamodb.get_item(TableName=table, Key=item)["Item"]["executions"] == {"N": "1"}
    with pytest.raises(dynamodb.exceptions.IdempotentParameterMismatchException):
        dynamodb.transact_write_items(
            TransactItems=[{"Delete": {"TableName": table, "Key": item}}], ClientRequestToken=token
        )


def test_a_transaction_may_not_touch_an_item_twice(dynamodb: Any, table: str) -> None:
    item = key()

    with refused("ValidationException"):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table, "Item": item}},
                {"Delete": {"TableName": table, "Key": item}},
            ]
        )


def test_expired_items_disappear_and_others_stay(dynamodb: Any, table: str) -> None:
    now = int(time.time())
    expired, later, text, ancient = key(), key(), key(), key()
    dynamodb.put_item(TableName=table, Item=expired | {"expiration": {"N": str(now - 5)}})
    dynamodb.put_item(TableName=table, Item=later | {"expiration": {"N": str(now + 3600)}})
    dynamodb.put_item(TableName=table, Item=text | {"expiration": {"S": str(now - 5)}})
    dynamodb.put_item(TableName=table, Item=ancient | {"expiration": {"N": "1"}})

    eventually(lambda: "Item" not in dynamodb.get_item(TableName=table, Key=expired))

    assert all("Item" in dynamodb.get_item(TableName=table, Key=item) for item in (later, text, ancient))


def test_a_batch_of_more_than_25_writes_or_100_reads_is_refused(dynamodb: Any, table: str) -> None:
    with pytest.raises(ClientError) as writes:
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": key()}} for _ in range(26)]})
    with pytest.raises(ClientError) as reads:
        dynamodb.batch_get_item(RequestItems={table: {"Keys": [key() for _ in range(101)]}})

    assert code(writes) == code(reads) == "ValidationException"


def test_an_item_above_400_kb_is_refused(dynamodb: Any, table: str) -> None:
    with refused("ValidationException"):
        dynamodb.put_item(TableName=table, Item=key() | {"body": {"S": "x" * 409_600}})


@pytest.mark.parametrize(
    ("size", "expected"),
    [(10, [1, 0.5, 1]), (3000, [3, 0.5, 1]), (9000, [9, 1.5, 3])],
)
def test_capacity_follows_the_size_of_the_item(
    dynamodb: Any, table: str, size: int, expected: list[float]
) -> None:
    item = key()
    total = {"TableName": table, "ReturnConsumedCapacity": "TOTAL"}

    written = dynamodb.put_item(Item=item | {"body": {"S": "x" * size}}, **total)
    read = dynamodb.get_item(Key=item, **total)
    strongly = dynamodb.get_item(Key=item, ConsistentRead=True, **total)

    units = [response["ConsumedCapacity"]["CapacityUnits"] for response in (written, read, strongly)]
    assert units == expected


def test_capacity_is_told_only_if_asked_for(dynamodb: Any, table: str) -> None:
    writes = {
        table: [{"PutRequest": {"Item": key()}}, {"PutRequest": {"Item": key() | {"b": {"S": "x" * 1500}}}}]
    }

    silent = dynamodb.batch_write_item(RequestItems=writes)
    told = dynamodb.batch_write_item(RequestItems=writes, ReturnConsumedCapacity="TOTAL")

    assert "ConsumedCapacity" not in silent
    assert told["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 3.0}]


@pytest.mark.evidence("ours")
def test_partiql_is_refused_rather_than_half_answered(dynamodb: Any) -> None:
    with pytest.raises(ClientError) as error:
        dynamodb.execute_statement(Statement="SELECT * FROM orders")

    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


# what is refused before any item is looked at

RECORDED = pytest.mark.evidence("recorded", source="moto: test_dynamodb, aws_verified")
PREFIX = "1 validation error detected: "
UNUSED = "Value provided in ExpressionAttribute{} unused in expressions: keys: {{{}}}"
NAMES = {"#i": "id", "#c": "c"}
KEY = {"id": {"S": "a"}}


def message(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Message"]


@RECORDED
@pytest.mark.parametrize(
    ("operation", "request_", "prefix"),
    [
        ("put_item", {"Item": KEY, "ConditionExpression": "attribute_not_exists(#i)"}, PREFIX),
        ("delete_item", {"Key": KEY, "ConditionExpression": "attribute_not_exists(#i)"}, PREFIX),
        ("update_item", {"Key": KEY, "UpdateExpression": "SET x = #i"}, PREFIX),
        ("get_item", {"Key": KEY, "ProjectionExpression": "#i"}, ""),
        ("scan", {"FilterExpression": "attribute_exists(#i)"}, ""),
    ],
)  # fmt: skip
def test_name_that_no_expression_uses_is_refused(
    dynamodb: Any, table: str, operation: str, request_: Any, prefix: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(dynamodb, operation)(TableName=table, ExpressionAttributeNames=NAMES, **request_)
    assert code(refused) == "ValidationException"
    assert message(refused) == prefix + UNUSED.format("Names", "#c")


@RECORDED
@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("Put", {"Item": KEY}),
        ("Delete", {"Key": KEY}),
        ("ConditionCheck", {"Key": KEY}),
        ("Update", {"Key": KEY, "UpdateExpression": "REMOVE x"}),
    ],
)
def test_name_or_value_that_a_transaction_does_not_use_is_refused_and_nothing_is_cancelled(
    dynamodb: Any, table: str, kind: str, action: Any
) -> None:
    values = {":v": {"S": "a"}, ":u": {"S": "b"}}
    for condition, given, told in (
        ("attribute_not_exists(#i)", {"ExpressionAttributeNames": NAMES}, UNUSED.format("Names", "#c")),
        ("id <> :v", {"ExpressionAttributeValues": values}, UNUSED.format("Values", ":u")),
    ):
        whole = {"TableName": table, "ConditionExpression": condition, **given, **action}
        with pytest.raises(ClientError) as refused:
            dynamodb.transact_write_items(TransactItems=[{kind: whole}])
        assert code(refused) == "ValidationException"
        assert message(refused) == told


@RECORDED
def test_update_expression_that_cannot_be_read_is_refused_and_not_cancelled(
    dynamodb: Any, table: str
) -> None:
    twice = {
        "Key": KEY, "UpdateExpression": "SET a = :v SET b = :v", "ExpressionAttributeValues": {":v": {"S": "x"}},
    }  # fmt: skip
    told = 'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;'
    with pytest.raises(ClientError) as refused:
        dynamodb.transact_write_items(TransactItems=[{"Update": {"TableName": table, **twice}}])
    assert (code(refused), message(refused)) == ("ValidationException", told)
    with pytest.raises(ClientError) as refused:
        dynamodb.update_item(TableName=table, **twice)
    assert (code(refused), message(refused)) == ("ValidationException", PREFIX + told)


@RECORDED
def test_table_is_found_by_its_arn_in_a_transaction(dynamodb: Any, table: str) -> None:
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    put = {"TableName": arn, "Item": {"id": {"S": "by-arn"}}}
    dynamodb.transact_write_items(TransactItems=[{"Put": put}])
    assert "Item" in dynamodb.get_item(TableName=table, Key=put["Item"])


@RECORDED
@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"Select": "COUNT", "ProjectionExpression": "id"},
         "Cannot specify the ProjectionExpression when choosing to get only the Count"),
        ({"Select": "ALL_ATTRIBUTES", "AttributesToGet": ["id"]},
         "Cannot specify the AttributesToGet when choosing to get ALL_ATTRIBUTES"),
        ({"Select": "SPECIFIC_ATTRIBUTES"},
         "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"),
        ({"Select": "ALL_PROJECTED_ATTRIBUTES"},
         "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"),
        ({"Select": "count"},
         PREFIX + "Value 'count' at 'select' failed to satisfy constraint: Member must satisfy enum value set: "
         "[SPECIFIC_ATTRIBUTES, COUNT, ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"),
    ],
)  # fmt: skip
def test_selection_that_contradicts_itself_is_refused(
    dynamodb: Any, table: str, request_: Any, told: str
) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.scan(TableName=table, **request_)
    assert (code(refused), message(refused)) == ("ValidationException", told)
    assert "Items" not in dynamodb.scan(TableName=table, Select="COUNT", Limit=1)


@RECORDED
def test_answer_without_old_attributes_has_none(dynamodb: Any, table: str) -> None:
    key = {"id": {"S": uuid.uuid4().hex}}
    for answer in (
        dynamodb.put_item(TableName=table, Item=key, ReturnValues="ALL_OLD"),
        dynamodb.delete_item(TableName=table, Key=key),
        dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD"),
    ):
        assert "Attributes" not in answer


@RECORDED
def test_failed_condition_is_told_in_the_member_that_the_model_names(dynamodb: Any, table: str) -> None:
    with pytest.raises(ClientError) as failed:
        dynamodb.delete_item(TableName=table, Key=KEY, ConditionExpression="attribute_exists(x)")
    assert failed.value.response["message"] == "The conditional request failed"


@pytest.fixture
def numbered(dynamodb: Any) -> Iterator[str]:
    """A table with a numeric sort key and an index, whose numbers are written in several ways."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
            {"AttributeName": "g", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


@RECORDED
def test_numbers_of_keys_and_cursors_are_compared_as_numbers(dynamodb: Any, numbered: str) -> None:
    for number in ("0", "100.0", "2e2", "0300"):
        dynamodb.put_item(TableName=numbered, Item={"pk": {"S": "a"}, "n": {"N": number}})
    same = {"pk": {"S": "a"}, "n": {"N": "1E2"}}
    assert dynamodb.get_item(TableName=numbered, Key=same)["Item"]["n"] == {"N": "100"}
    query = {
        "TableName": numbered, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "a"}},
    }  # fmt: skip
    rest = dynamodb.query(**query, ExclusiveStartKey={"pk": {"S": "a"}, "n": {"N": "100.00"}})["Items"]
    assert [item["n"]["N"] for item in rest] == ["200", "300"]


@pytest.mark.evidence("recorded", source="LocalStack: test_gsi_with_billing_mode, test_table_crud")
def test_description_of_a_table_has_ids_and_counts_of_its_indexes(dynamodb: Any, numbered: str) -> None:
    dynamodb.put_item(TableName=numbered, Item={"pk": {"S": "a"}, "n": {"N": "1"}, "g": {"S": "x"}})
    dynamodb.put_item(TableName=numbered, Item={"pk": {"S": "a"}, "n": {"N": "2"}})
    shown = dynamodb.describe_table(TableName=numbered)["Table"]
    (index,) = shown["GlobalSecondaryIndexes"]
    assert uuid.UUID(shown["TableId"])
    assert shown["TableId"] == dynamodb.describe_table(TableName=numbered)["Table"]["TableId"]
    assert index["IndexArn"] == f"{shown['TableArn']}/index/by-g"
    assert (shown["ItemCount"], index["ItemCount"]) == (2, 1)
    assert "LocalSecondaryIndexes" not in shown
    with pytest.raises(ClientError) as refused:
        dynamodb.delete_table(TableName="nope")
    assert message(refused) == "Requested resource not found: Table: nope not found"


@RECORDED
def test_selection_of_what_an_index_does_not_have_is_refused(dynamodb: Any, numbered: str) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.scan(TableName=numbered, IndexName="by-g", Select="ALL_ATTRIBUTES")
    assert message(refused) == (
        "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "
        "secondary index by-g because its projection type is not ALL"
    )


@RECORDED
def test_item_without_its_key_is_refused_in_a_batch(dynamodb: Any, table: str) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": {"zz": {"S": "a"}}}}]})
    assert message(refused) == "The provided key element does not match the schema"


@RECORDED
@pytest.mark.parametrize(
    ("requests", "told"),
    [
        ([{"PutRequest": {"Item": {"pk": {"S": "a"}}}}], "The provided key element does not match the schema"),
        ([{"DeleteRequest": {"Key": {"pk": {"S": "a"}}}}], "The provided key element does not match the schema"),
        (
            [
                {"PutRequest": {"Item": {"pk": {"S": "a"}, "n": {"N": "1"}}}},
                {"DeleteRequest": {"Key": {"pk": {"S": "a"}, "n": {"N": "1.0"}}}},
            ],
            "Provided list of item keys contains duplicates",
        ),
    ],
)  # fmt: skip
def test_batch_whose_keys_do_not_fit_the_table_is_refused(
    dynamodb: Any, numbered: str, requests: Any, told: str
) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.batch_write_item(RequestItems={numbered: requests})
    assert message(refused) == told


CONDITIONED: dict[str, Callable[[Any, str, dict[str, Any]], Any]] = {
    "put": lambda dynamodb, table, part: dynamodb.put_item(TableName=table, Item=KEY, **part),
    "update": lambda dynamodb, table, part: dynamodb.update_item(
        TableName=table, Key=KEY, UpdateExpression="REMOVE gone", **part
    ),
    "transaction": lambda dynamodb, table, part: dynamodb.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": KEY, **part}}]
    ),
    "query": lambda dynamodb, table, part: dynamodb.query(
        TableName=table,
        KeyConditionExpression="id = :v",
        FilterExpression=part["ConditionExpression"],
        ExpressionAttributeValues=part["ExpressionAttributeValues"],
    ),
}


@pytest.mark.evidence("documented", source="DynamoDB guide, Condition and filter expressions")
@pytest.mark.parametrize("send", CONDITIONED.values(), ids=CONDITIONED)
@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("id = :v AND", "Syntax error"),
        ("(id = :v", "Syntax error"),
        ("id == :v", "Syntax error"),
        ("id BETWEEN :v", "Syntax error"),
        ("started_with(id, :v)", "Invalid function name; function: started_with"),
        ("id = :v AND #n = :v", "expression attribute name used in the document path is not defined"),
        ("id = :v OR id = :w", "attribute value used in expression is not defined; attribute value: :w"),
        ("  ", "The expression can not be empty"),
    ],
)
def test_condition_that_cannot_be_read_is_refused(
    dynamodb: Any, table: str, send: Callable[..., Any], condition: str, told: str
) -> None:
    values = {":v": {"S": "a"}} if condition.strip() else {}
    part = {"ConditionExpression": condition, "ExpressionAttributeValues": values}
    with pytest.raises(ClientError) as refused:
        send(dynamodb, table, part)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert told in message(refused)


@pytest.mark.evidence("documented", source="DynamoDB guide, Projection expressions")
@pytest.mark.parametrize("projection", ["a,", "a,,b", "a[", "a[x]", "a[1]b"])
def test_projection_that_cannot_be_read_is_refused(dynamodb: Any, table: str, projection: str) -> None:
    with pytest.raises(ClientError, match="Invalid ProjectionExpression: Syntax error"):
        dynamodb.get_item(TableName=table, Key=KEY, ProjectionExpression=projection)


@pytest.mark.evidence("documented", source="DynamoDB guide, Projection expressions")
def test_projection_of_nested_attributes_is_read(dynamodb: Any, table: str) -> None:
    nested = {"L": [{"M": {"b": {"S": "x"}}}]}
    dynamodb.put_item(TableName=table, Item={**KEY, "a": nested, "c": {"S": "y"}, "d": {"S": "z"}})
    shown = dynamodb.get_item(
        TableName=table, Key=KEY, ProjectionExpression="#a[0].b, c", ExpressionAttributeNames={"#a": "a"}
    )
    assert shown["Item"] == {"a": nested, "c": {"S": "y"}}


@pytest.mark.evidence(
    "documented", source="DynamoDB API reference, AttributeValue; guide, Supported data types"
)
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"S": "1", "N": "2"}, "Supplied AttributeValue has more than one datatypes set"),
        ({"N": "one"}, "The parameter cannot be converted to a numeric value: one"),
        ({"N": "NaN"}, "The parameter cannot be converted to a numeric value: NaN"),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        ({"N": "1e126"}, "Number overflow"),
        ({"N": "1e-131"}, "Number underflow"),
        ({"L": [{"M": {"x": {"N": "one"}}}]}, "The parameter cannot be converted to a numeric value: one"),
    ],
)
def test_value_that_cannot_be_kept_is_refused(dynamodb: Any, table: str, value: Any, told: str) -> None:
    update = {
        "TableName": table,
        "Key": KEY,
        "UpdateExpression": "SET x = :v",
        "ExpressionAttributeValues": {":v": value},
    }
    writes: list[Callable[[], Any]] = [
        lambda: dynamodb.put_item(TableName=table, Item={**KEY, "x": value}),
        lambda: dynamodb.update_item(**update),
        lambda: dynamodb.transact_write_items(TransactItems=[{"Update": update}]),
        lambda: dynamodb.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": {**KEY, "x": value}}}]}
        ),
    ]
    for write in writes:
        with pytest.raises(ClientError) as refused:
            write()
        assert refused.value.response["Error"]["Code"] == "ValidationException"
        assert told in message(refused)


@pytest.mark.evidence("documented", source="DynamoDB guide, Supported data types")
def test_numbers_at_their_limits_are_kept(dynamodb: Any, table: str) -> None:
    numbers = ["9" * 38 + "0" * 88, "-1E-130", "0", "1" + "0" * 60]
    dynamodb.put_item(TableName=table, Item={**KEY, "x": {"L": [{"N": number} for number in numbers]}})
    assert len(dynamodb.get_item(TableName=table, Key=KEY)["Item"]["x"]["L"]) == 4


@pytest.mark.evidence("ours", source="clear refusals of what is not served")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}, "no streams of tables"),
        (
            {
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "many",
                        "KeySchema": [
                            {"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "HASH"},
                        ],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ]
            },
            "no keys of several attributes, as of the index many",
        ),
    ],
)  # fmt: skip
def test_table_with_what_the_engine_does_not_have_is_refused(dynamodb: Any, options: Any, told: str) -> None:
    with pytest.raises(ClientError) as refused:
        dynamodb.create_table(
            TableName="refused",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "b")],
            BillingMode="PAY_PER_REQUEST",
            **options,
        )
    assert told in message(refused)
    assert "refused" not in dynamodb.list_tables()["TableNames"]
