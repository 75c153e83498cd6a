"""SQS's answers read without botocore's walk by the model."""

import json
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from functions.redrive.answers import take_as_json

MESSAGE = {
    "MessageId": "m",
    "ReceiptHandle": "r",
    "Body": '{"orderId": "\ud800 ü"}',
    "Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "2"},
    "MessageAttributes": {
        "errorType": {"DataType": "String", "StringValue": "X"},
        "picture": {"DataType": "Binary", "BinaryValue": "AAH/"},
    },
}
FAILED = {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid", "Message": "expired"}
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "receive_message": ({"QueueUrl": "q"}, {"Messages": [MESSAGE, {"MessageId": "bare", "Body": "b"}]}),
    "change_message_visibility_batch": (
        {"QueueUrl": "q", "Entries": []},
        {"Successful": [{"Id": "0"}], "Failed": [FAILED]},
    ),
    "delete_message_batch": ({"QueueUrl": "q", "Entries": []}, {"Successful": [], "Failed": [FAILED]}),
    "get_queue_attributes": ({"QueueUrl": "q"}, {"Attributes": {"ApproximateNumberOfMessages": "3"}}),
}


class Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body


def client(body: bytes, status: int = 200, *, as_json: bool) -> Any:
    made: Any = boto3.client(
        "sqs",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        endpoint_url="http://127.0.0.1:9",
    )
    headers: Any = {"content-type": "application/x-amz-json-1.0", "x-amzn-RequestId": "id"}

    def answer(request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, status, headers, Raw(body))

    made.meta.events.register("before-send.sqs", answer)
    if as_json:
        take_as_json(made)
        take_as_json(made)
    return made


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("empty", [False, True])
def test_an_answer_is_what_botocore_makes_of_it(call: str, empty: bool) -> None:
    given, answer = CALLS[call]
    body = json.dumps({} if empty else answer).encode()
    plain, model = (getattr(client(body, as_json=way), call)(**given) for way in (True, False))
    assert plain == model
    assert plain["ResponseMetadata"]["RequestId"] == "id"


def test_a_receive_whose_messages_are_null_has_none() -> None:
    assert client(b'{"Messages": null}', as_json=True).receive_message(QueueUrl="q").get("Messages") is None


def test_an_error_is_the_one_that_botocore_reads() -> None:
    body = json.dumps({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}).encode()
    with pytest.raises(ClientError, match="gone") as told:
        client(body, 400, as_json=True).receive_message(QueueUrl="q")
    assert type(told.value).__name__ == "QueueDoesNotExist"


def test_a_body_that_is_no_json_is_left_to_botocore() -> None:
    plain, model = (client(b"<html>", as_json=way).receive_message(QueueUrl="q") for way in (True, False))
    assert plain == model
