"""Takes a lock on each order before its effect. Nothing ever frees the lock of somebody who died."""

import json
import os

import boto3

dynamodb = boto3.resource("dynamodb")
orders = dynamodb.Table(os.environ["TABLE_NAME"])
keys = dynamodb.Table(os.environ["KEYS_TABLE_NAME"])
Taken = keys.meta.client.exceptions.ConditionalCheckFailedException


def handler(event, context):
    for record in event["Records"]:
        order_id = json.loads(record["body"])["orderId"]
        try:
            keys.put_item(Item={"id": order_id}, ConditionExpression="attribute_not_exists(id)")
        except Taken:
            continue
        orders.update_item(
            Key={"orderId": order_id},
            UpdateExpression="ADD executions :one",
            ExpressionAttributeValues={":one": 1},
        )
