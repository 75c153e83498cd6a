"""S3 that keeps object bodies inside this engine's own temporary folder.

LocalStack 4.14.0 writes them to one fixed folder under /tmp, which two engines on one machine would share
and the first to stop would empty.
"""

from localstack import config
from localstack.services.plugins import Service, aws_provider


@aws_provider(api="s3", name="lab")
def s3() -> Service:
    """Selected by `PROVIDER_OVERRIDE_S3=lab`."""
    from localstack.services.s3.provider import S3Provider
    from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore

    return Service.for_provider(S3Provider(EphemeralS3ObjectStore(f"{config.dirs.tmp}/s3")))
