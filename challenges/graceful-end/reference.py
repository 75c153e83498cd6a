"""Begins nothing that it may not end; what was not begun is reported, and comes back alone."""

import json
import os

import boto3

ENOUGH_MS = 2500
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


def handler(event, context):
    for position, record in enumerate(event["Records"]):
        if context.get_remaining_time_in_millis() < ENOUGH_MS:
            rest = event["Records"][position:]
            return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in rest]}
        once(json.loads(record["body"]))
