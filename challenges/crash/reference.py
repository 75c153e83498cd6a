"""The effect and the key that remembers it are one transaction: there is no moment between them."""

import json
import os

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event, context):
    for record in event["Records"]:
        order_id = json.loads(record["body"])["orderId"]
        remember = {
            "TableName": os.environ["KEYS_TABLE_NAME"],
            "Item": {"id": {"S": order_id}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
        effect = {
            "TableName": os.environ["TABLE_NAME"],
            "Key": {"orderId": {"S": order_id}},
            "UpdateExpression": "ADD executions :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        try:
            dynamodb.transact_write_items(TransactItems=[{"Put": remember}, {"Update": effect}])
        except dynamodb.exceptions.TransactionCanceledException as error:
            if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
                raise
            print("a duplicate:", order_id)
