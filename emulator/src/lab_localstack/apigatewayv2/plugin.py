"""The entry point of this package."""

from localstack.services.plugins import Service, ServiceLifecycleHook, aws_provider


@aws_provider(api="apigatewayv2")
def apigatewayv2() -> Service:
    """HTTP APIs; LocalStack 4.14.0 has no provider of this service."""
    from localstack.aws.skeleton import Skeleton
    from localstack.aws.spec import load_service

    from lab_localstack.apigatewayv2.gateway import HttpGateway
    from lab_localstack.apigatewayv2.provider import ControlPlane

    control = ControlPlane(HttpGateway())

    class Lifecycle(ServiceLifecycleHook):
        def on_after_state_reset(self) -> None:
            control.forget_all()

    return Service(
        name="apigatewayv2",
        skeleton=Skeleton(load_service("apigatewayv2"), control.dispatch_table()),
        lifecycle_hook=Lifecycle(),
    )
