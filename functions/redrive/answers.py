"""SQS's answers as the JSON that they are: botocore's walk by its model takes a third of a receive's time."""

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

EVERY_CALL = "before-parse.sqs"


def take_as_json(sqs: "SQSClient") -> None:
    """Have a client give answers as SQS wrote them, from now on; errors are still botocore's to read."""
    sqs.meta.events.register(EVERY_CALL, _take, unique_id=EVERY_CALL)


def _take(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Leave botocore an empty document to read, and put what it says beside that."""
    if response_dict["status_code"] != 200 or not response_dict["body"]:
        return
    try:
        answer = json.loads(response_dict["body"])
    except ValueError:
        return  # botocore has words for that
    for message in answer.get("Messages") or ():
        for attribute in message.get("MessageAttributes", {}).values():
            if "BinaryValue" in attribute:
                attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    customized_response_dict.update(answer)
    response_dict["body"] = b"{}"
