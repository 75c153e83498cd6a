"""Selected by `PROVIDER_OVERRIDE_LOGS=lab`."""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="logs", name="lab")
def logs() -> Service:
    """CloudWatch Logs: metric filters, EMF, filter patterns and queries over moto's storage."""
    from localstack.services.moto import MotoFallbackDispatcher

    from lab_localstack.corrections import patches
    from lab_localstack.logs.provider import LabLogsProvider

    patches.use_filter_patterns()
    return Service.for_provider(LabLogsProvider(), dispatch_table_factory=MotoFallbackDispatcher)
