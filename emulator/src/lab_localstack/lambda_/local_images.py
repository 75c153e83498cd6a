"""Lambda runtime images that the Docker engine already has are used without a pull.

LocalStack 4.14.0 pulls a runtime's image before the first function of that runtime becomes active, even when
the engine has it, and fails the function when the registry does not answer. This hook runs just before and
marks such images as pulled, for the function's own architecture only.
"""

from localstack.aws.api.lambda_ import Architecture
from localstack.services.lambda_.hooks import prepare_docker_executor
from localstack.services.lambda_.invocation import docker_runtime_executor as executor
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion
from localstack.utils.container_utils.container_client import ContainerException

DOCKER_NAMES = {Architecture.x86_64: "amd64", Architecture.arm64: "arm64"}


@prepare_docker_executor()
def use_local_image(function_version: FunctionVersion) -> None:
    """Mark the function's runtime image as pulled if the engine has it."""
    runtime = function_version.config.runtime
    if runtime is None:
        return
    architecture = function_version.config.architectures[0]
    image = executor.resolver.get_image_for_runtime(runtime)
    try:
        found = executor.CONTAINER_CLIENT.inspect_image(image, pull=False)
    except ContainerException:
        return
    platform = executor.docker_platform(architecture)
    if platform is None or found["Architecture"] == DOCKER_NAMES[architecture]:
        executor.PULLED_IMAGES.add((image, platform))  # pyright: ignore[reportArgumentType]  None where ignored
