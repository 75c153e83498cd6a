"""What stops a redrive although nobody asked: a dependency's open circuit, or an alarm in ALARM."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient

# Powertools' CircuitState has these values; the redrive function does not carry that package's store.
_NOT_CLOSED = ("OPEN", "HALF_OPEN")


class Guards:
    """Looks at circuits and alarms. AWS errors are the caller's: what cannot be read is not safe."""

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        circuits_table: str,
        cloudwatch: "CloudWatchClient",
        alarms: Sequence[str],
    ) -> None:
        self._dynamodb = dynamodb
        self._circuits_table = circuits_table
        self._cloudwatch = cloudwatch
        self._alarms = list(alarms)

    def reason_to_halt(self) -> str | None:
        """Why nothing more should be moved now, in words; None if there is no reason."""
        return self._circuit() or self._alarm()

    def _circuit(self) -> str | None:
        # One item for each dependency: the table is never larger than a page.
        for item in self._dynamodb.scan(TableName=self._circuits_table)["Items"]:
            state = item.get("state", {}).get("S", "")
            if state in _NOT_CLOSED:
                return f"the circuit {item['id'].get('S')} is {state}"
        return None

    def _alarm(self) -> str | None:
        if not self._alarms:
            return None
        found = self._cloudwatch.describe_alarms(AlarmNames=self._alarms, StateValue="ALARM")["MetricAlarms"]
        return f"the alarm {found[0].get('AlarmName')} is in ALARM" if found else None
