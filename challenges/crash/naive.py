"""Remembers each order after its effect."""

import json
import os

import boto3

dynamodb = boto3.resource("dynamodb")
orders = dynamodb.Table(os.environ["TABLE_NAME"])
keys = dynamodb.Table(os.environ["KEYS_TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        order_id = json.loads(record["body"])["orderId"]
        if "Item" in keys.get_item(Key={"id": order_id}, ConsistentRead=True):
            continue
        orders.update_item(
            Key={"orderId": order_id},
            UpdateExpression="ADD executions :one",
            ExpressionAttributeValues={":one": 1},
        )
        keys.put_item(Item={"id": order_id})
