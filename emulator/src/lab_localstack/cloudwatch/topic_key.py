"""Whether CloudWatch may use the KMS key of a topic that an alarm notifies.

Source: AWS re:Post knowledge center, "configure a CloudWatch alarm with an encrypted SNS topic", which also has the
words of the alarm's history. The key of SNS's own, alias/aws/sns, lets nobody but its account in.
"""

from collections.abc import Mapping
from typing import Any

from localstack.aws.api import ServiceException

from lab_localstack import documents
from lab_localstack.iam.policy import Decision, UnservedPolicyError, decide, statements_of
from lab_localstack.internal import call

ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
SERVICE = "cloudwatch.amazonaws.com"


class KeyDeniedError(Exception):
    """The key's policy does not let CloudWatch use it."""

    def __init__(self) -> None:
        super().__init__(
            "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."
        )


def require_use(topic_arn: str, alarm_arn: str) -> None:
    """Raise KeyDeniedError unless the topic has no key, or one whose policy lets CloudWatch use it for the alarm."""
    region, account = topic_arn.split(":")[3:5]
    attributes = call("sns", "GetTopicAttributes", {"TopicArn": topic_arn}, account, region)["Attributes"]
    if not (key := attributes.get("KmsMasterKeyId")):
        return
    try:
        found = call("kms", "DescribeKey", {"KeyId": key}, account, region)["KeyMetadata"]
        if found["KeyManager"] != "CUSTOMER":
            raise KeyDeniedError
        wanted = {"KeyId": found["KeyId"], "PolicyName": "default"}
        policy = documents.loads(call("kms", "GetKeyPolicy", wanted, account, region)["Policy"])
    except ServiceException as error:  # no such key, or one of moto's own, which stands for AWS's
        raise KeyDeniedError from error
    if not _lets_in(policy, found["Arn"], {"aws:sourceaccount": account, "aws:sourcearn": alarm_arn}):
        raise KeyDeniedError


def _lets_in(policy: Mapping[str, Any], key: str, context: Mapping[str, str | None]) -> bool:
    given = policy["Statement"]
    meant = [each for each in (given if isinstance(given, list) else [given]) if _is_meant(each)]
    stripped = [{name: each[name] for name in each if name != "Principal"} for each in meant]
    try:
        statements = statements_of({"Statement": stripped})
        return all(decide(statements, action, key, context) is Decision.ALLOWED for action in ACTIONS)
    except UnservedPolicyError:  # a condition on what CloudWatch does not pass on
        return False


def _is_meant(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if principal in ("*", {"AWS": "*"}):
        return True
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return SERVICE in ([services] if isinstance(services, str) else services)
