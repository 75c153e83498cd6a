"""Does what the message says, each time it comes."""

import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["body"])
        orders.update_item(
            Key={"orderId": order["orderId"]},
            UpdateExpression="ADD executions :one",
            ExpressionAttributeValues={":one": 1},
        )
