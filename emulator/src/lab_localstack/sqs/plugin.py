"""Selected by `PROVIDER_OVERRIDE_SQS=lab`."""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="sqs", name="lab")
def sqs() -> Service:
    """SQS with this distribution's metrics and limits."""
    from lab_localstack.corrections import patches
    from lab_localstack.sqs.provider import LabSqsProvider

    patches.read_json_within_bounds("sqs.models", "sqs.provider", "sqs.utils")
    return Service.for_provider(LabSqsProvider())
