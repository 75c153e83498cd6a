"""Selected by `PROVIDER_OVERRIDE_DYNAMODB=lab`."""

from typing import Any

from localstack.services.plugins import Service, aws_provider


@aws_provider(api="dynamodb", name="lab")
def dynamodb() -> Service:
    """The whole of DynamoDB as moto serves it, made atomic and with TTL."""
    from localstack.aws.skeleton import Skeleton
    from localstack.aws.spec import load_service

    from lab_localstack.dynamodb.provider import Lifecycle, dispatch_table
    from lab_localstack.speedups import patches

    patches.quicken_dynamodb()
    model = load_service("dynamodb")
    operations: Any = model.operation_names
    return Service(
        name="dynamodb",
        skeleton=Skeleton(model, dispatch_table(operations)),
        lifecycle_hook=Lifecycle(),
    )
