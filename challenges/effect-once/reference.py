"""The effect carries its own condition: DynamoDB decides which of two copies was first."""

import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
Done = orders.meta.client.exceptions.ConditionalCheckFailedException


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["body"])
        try:
            orders.update_item(
                Key={"orderId": order["orderId"]},
                UpdateExpression="ADD executions :one",
                ConditionExpression="attribute_not_exists(orderId)",
                ExpressionAttributeValues={":one": 1},
            )
        except Done:
            print("a duplicate:", order["orderId"])
