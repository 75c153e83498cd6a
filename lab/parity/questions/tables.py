"""DynamoDB."""

import math
import time

from lab.common.polling import wait_for
from lab.errors import LabError
from lab.parity.probe import documented, feature, recorded
from lab.parity.workbench import Workbench


@feature(
    "DynamoDB",
    "a BatchWriteItem of 26 items",
    "ValidationException",
    documented("DynamoDB API reference, BatchWriteItem"),
)
def _(bench: Workbench) -> str:
    table = bench.table()
    items = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(26)]
    return bench.refused(bench.client("dynamodb").batch_write_item, RequestItems={table: items})


@feature(
    "DynamoDB",
    "a transaction whose condition fails",
    "TransactionCanceledException",
    recorded("moto: test_dynamodb_transactions, aws_verified"),
)
def _(bench: Workbench) -> str:
    table = bench.table()
    put = {"TableName": table, "Item": {"id": {"S": "1"}}, "ConditionExpression": "attribute_exists(id)"}
    return bench.refused(bench.client("dynamodb").transact_write_items, TransactItems=[{"Put": put}])


@feature(
    "DynamoDB",
    "an item whose TTL has passed",
    "deleted within days",
    documented("DynamoDB guide, Using time to live"),
)
def _(bench: Workbench) -> str:
    dynamodb, table = bench.client("dynamodb"), bench.table()
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    item = {"id": {"S": "1"}, "expires": {"N": str(int(time.time()) - 60)}}
    dynamodb.put_item(TableName=table, Item=item)
    began = time.monotonic()
    try:
        wait_for(
            "the item to go",
            lambda: dynamodb.get_item(TableName=table, Key={"id": {"S": "1"}}).get("Item"),
            lambda item: item is None,
            within=15,
        )
    except LabError:
        return "still there after 15 s"
    return f"deleted within {math.ceil(time.monotonic() - began)} s"


@feature(
    "DynamoDB",
    "a transaction with a name that no expression uses",
    "ValidationException",
    recorded("moto: test_dynamodb_exceptions, aws_verified"),
)
def _(bench: Workbench) -> str:
    table = bench.table()
    put = {
        "TableName": table,
        "Item": {"id": {"S": "1"}},
        "ConditionExpression": "attribute_not_exists(id)",
        "ExpressionAttributeNames": {"#unused": "x"},
    }
    return bench.refused(bench.client("dynamodb").transact_write_items, TransactItems=[{"Put": put}])


@feature(
    "DynamoDB",
    "a condition that cannot be read",
    "ValidationException",
    documented("DynamoDB guide, Condition and filter expressions"),
)
def _(bench: Workbench) -> str:
    return bench.refused(
        bench.client("dynamodb").put_item,
        TableName=bench.table(),
        Item={"id": {"S": "1"}},
        ConditionExpression="attribute_exists(id) AND",
    )


@feature(
    "DynamoDB",
    "an ARN as TableName",
    "accepted",
    documented("DynamoDB API reference, TransactWriteItems"),
)
def _(bench: Workbench) -> str:
    dynamodb, table = bench.client("dynamodb"), bench.table()
    arn = dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    put = {"TableName": arn, "Item": {"id": {"S": "1"}}}
    return bench.refused(dynamodb.transact_write_items, TransactItems=[{"Put": put}])


@feature(
    "DynamoDB",
    "PutItem of a new item with ReturnValues ALL_OLD",
    "no Attributes",
    recorded("LocalStack: test_return_values_in_put_item"),
)
def _(bench: Workbench) -> str:
    answer = bench.client("dynamodb").put_item(
        TableName=bench.table(), Item={"id": {"S": "1"}}, ReturnValues="ALL_OLD"
    )
    return "empty Attributes" if "Attributes" in answer else "no Attributes"
