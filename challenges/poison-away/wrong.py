"""Catches everything, so that nothing ever blocks the queue."""

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
    for record in event["Records"]:
        try:
            process(record)
        except Exception as error:
            print("skipped:", record["messageId"], error)
    return {"batchItemFailures": []}
