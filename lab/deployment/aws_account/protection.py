"""Tables that outlive their stack cannot be deleted by hand either.

Not in the templates: a table that is protected from its start could not be taken back when the creation of its stack
fails.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lab.engines.clients import Aws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def protect_tables(aws: Aws, names: Iterable[str]) -> None:
    """Switch deletion protection on where it is off."""
    dynamodb: DynamoDBClient = aws.client("dynamodb")
    for name in names:
        if not dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
