"""Sees that the time is running out, and raises: all that was done comes back, too."""

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


def handler(event, context):
    for record in event["Records"]:
        if context.get_remaining_time_in_millis() < 1500:
            raise TimeoutError("no time left for the rest of the batch")
        once(json.loads(record["body"]))
