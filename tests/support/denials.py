"""What the functions were refused for want of permission, as their logs tell it."""

from lab.pipeline.observe import Pipeline

PHRASE = "is not authorized to perform"


def denials(pipeline: Pipeline, since: int) -> list[str]:
    """Log lines of all functions that tell of a refused call, since that time in epoch milliseconds."""
    logs = pipeline.aws.client("logs")
    prefix = f"/aws/lambda/{pipeline.stack.prefix}-"
    groups = [
        group["logGroupName"] for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    ]
    return [
        event["message"]
        for group in groups
        for event in logs.filter_log_events(logGroupName=group, filterPattern=f'"{PHRASE}"', startTime=since)[
            "events"
        ]
    ]
