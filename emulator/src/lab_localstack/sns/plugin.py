"""Selected by `PROVIDER_OVERRIDE_SNS=lab`."""

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="sns", name="lab")
def sns() -> Service:
    """SNS with this distribution's metrics."""
    from lab_localstack.corrections import patches
    from lab_localstack.sns.provider import LabSnsProvider

    patches.count_deliveries()
    patches.read_json_within_bounds("sns.provider", "sns.publisher")
    patches.match_within_bounds()
    return Service.for_provider(LabSnsProvider())
