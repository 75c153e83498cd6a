"""One circuit for all environments, in a table. While it is open nothing is tried, and messages wait it out, hidden."""

import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ONE_TRY = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})
bus = boto3.client("events", config=ONE_TRY)

OPEN_SECONDS = 12
CIRCUIT = {"id": "circuit#bus"}
sqs = boto3.client("sqs")
dynamodb = boto3.resource("dynamodb")
keys = dynamodb.Table(os.environ["KEYS_TABLE_NAME"])
orders = dynamodb.Table(os.environ["TABLE_NAME"])
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


def announce(order):
    detail = {"eventId": order["orderId"], "orderId": order["orderId"]}
    entry = {
        "EventBusName": os.environ["EVENT_BUS_NAME"],
        "Source": "ingestion.orders",
        "DetailType": "OrderProcessed",
        "Detail": json.dumps(detail),
    }
    if bus.put_events(Entries=[entry])["FailedEntryCount"]:
        raise RuntimeError("the bus did not take it")


def is_open():
    until = keys.get_item(Key=CIRCUIT, ConsistentRead=True).get("Item", {}).get("until", 0)
    return until > time.time()


def open_circuit():
    keys.put_item(Item=CIRCUIT | {"until": int(time.time()) + OPEN_SECONDS})


def hide(records):
    entries = [
        {
            "Id": each["messageId"],
            "ReceiptHandle": each["receiptHandle"],
            "VisibilityTimeout": OPEN_SECONDS + 2,
        }
        for each in records
    ]
    sqs.change_message_visibility_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries)


def unannounced(records):
    for position, record in enumerate(records):
        order = json.loads(record["body"])
        once(order)
        try:
            announce(order)
        except (ClientError, BotoCoreError, RuntimeError):
            open_circuit()
            return records[position:]
    return []


def handler(event, context):
    records = event["Records"]
    left = records if is_open() else unannounced(records)
    if left:
        hide(left)
    return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in left]}
