"""Which resource types this engine has: LocalStack asks before it deploys a change set.

With `CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES=0` a template with another type fails with the type's name. Otherwise
LocalStack says CREATE_COMPLETE and makes nothing. Its own catalogs answer only after a download from the vendor.
"""

from functools import cached_property

from localstack.utils.catalog.catalog import AwsServicesSupportStatus, CatalogPlugin, CfnResourceSupportStatus
from localstack.utils.catalog.common import (
    AwsServicesSupportInLatest,
    CloudFormationResourcesSupportAtRuntime,
    CloudFormationResourcesSupportInLatest,
)


class InstalledTypes(CatalogPlugin):
    """Knows what is installed. LocalStack looks for a catalog under this name before all others."""

    name = "aws-catalog-remote-state-with-license"

    def get_aws_service_status(
        self,
        service_name: str,  # noqa: ARG002  whatever the service
        operation_name: str | None = None,  # noqa: ARG002
    ) -> AwsServicesSupportStatus | None:
        """Unknown: LocalStack then says that an operation is not implemented, without advice."""
        return None

    def get_cloudformation_resource_status(
        self,
        resource_name: str,
        service_name: str,  # noqa: ARG002  the type says it
        is_pro_resource: bool = False,  # noqa: ARG002
    ) -> CfnResourceSupportStatus | AwsServicesSupportInLatest | None:
        """Whether there is a provider of the type."""
        if resource_name in self._types:
            return CloudFormationResourcesSupportAtRuntime.AVAILABLE
        return CloudFormationResourcesSupportInLatest.NOT_SUPPORTED

    @cached_property
    def _types(self) -> set[str]:
        return self._get_cfn_resources_available_at_runtime()
