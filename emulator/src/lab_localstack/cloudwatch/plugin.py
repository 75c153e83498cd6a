"""Selected by `PROVIDER_OVERRIDE_CLOUDWATCH=lab`."""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="cloudwatch", name="lab")
def cloudwatch() -> Service:
    """Metrics, alarms and dashboards of this distribution."""
    from lab_localstack.cloudwatch.provider import CloudWatchProvider

    return Service.for_provider(CloudWatchProvider())
