"""The alarms of a deployment."""

from typing import TYPE_CHECKING

from infra.components.names import SEVERITIES
from lab.deployment.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


def states(cloudwatch: "CloudWatchClient", stack: Stack) -> dict[str, str]:
    """The state of every alarm that tells somebody, by its name without the prefix: {"critical-dlq-depth": "OK", ...}.

    The windows of a burn rate tell nobody, and are left out.
    """
    answer = cloudwatch.describe_alarms(
        AlarmNamePrefix=f"{stack.prefix}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100
    )
    found = {
        alarm.get("AlarmName", "").removeprefix(f"{stack.prefix}-"): alarm.get("StateValue", "")
        for alarm in (*answer["MetricAlarms"], *answer["CompositeAlarms"])
    }
    return {name: state for name, state in found.items() if name.startswith(SEVERITIES)}
