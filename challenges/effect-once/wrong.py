"""Puts the effect first, and checks afterwards whether it was the first."""

import json
import os

import boto3
from botocore.exceptions import ClientError

dynamodb = boto3.resource("dynamodb")
orders = dynamodb.Table(os.environ["TABLE_NAME"])
keys = dynamodb.Table(os.environ["KEYS_TABLE_NAME"])


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["body"])
        orders.update_item(
            Key={"orderId": order["orderId"]},
            UpdateExpression="ADD executions :one",
            ExpressionAttributeValues={":one": 1},
        )
        try:
            keys.put_item(Item={"id": order["orderId"]}, ConditionExpression="attribute_not_exists(id)")
        except ClientError:
            print("a duplicate:", order["orderId"])
