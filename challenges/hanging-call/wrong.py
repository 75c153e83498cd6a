"""Waits three seconds for an answer; boto3 then asks again, as often as it does by default."""

import json
import os

import boto3
from botocore.config import Config

PATIENCE = Config(connect_timeout=1, read_timeout=3)
orders = boto3.resource("dynamodb", config=PATIENCE).Table(os.environ["TABLE_NAME"])
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
