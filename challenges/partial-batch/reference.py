"""Reports what failed by its message id, and goes on with the rest."""

import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
Done = orders.meta.client.exceptions.ConditionalCheckFailedException


def once(order):
    try:
        orders.update_item(
            Key={"orderId": order["orderId"]},
            UpdateExpression="ADD executions :one",
            ConditionExpression="attribute_not_exists(orderId)",
            ExpressionAttributeValues={":one": 1},
        )
    except Done:
        print("a duplicate:", order["orderId"])


def process(record):
    order = json.loads(record["body"])
    if not order["amount"] > 0:
        raise ValueError(f"amount {order['amount']}")
    once(order)


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            process(record)
        except ValueError as error:
            print("failed:", record["messageId"], error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
