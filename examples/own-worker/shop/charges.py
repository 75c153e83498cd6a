"""Charges an order once, whatever SQS and Lambda do: the handler that is tested here."""

import json
import os

import boto3

charges = boto3.resource("dynamodb").Table(os.environ["CHARGES"])
Charged = charges.meta.client.exceptions.ConditionalCheckFailedException


def charge(order):
    if not order["cents"] > 0:
        raise ValueError(f"{order['cents']} cents")
    try:
        charges.update_item(
            Key={"id": order["id"]},
            UpdateExpression="SET cents = :cents ADD executions :one",
            ConditionExpression="attribute_not_exists(id)",
            ExpressionAttributeValues={":cents": order["cents"], ":one": 1},
        )
    except Charged:
        print("charged before:", order["id"])


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            charge(json.loads(record["body"]))
        except (ValueError, KeyError) as error:
            print("failed:", record["messageId"], error)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
