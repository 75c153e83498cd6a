"""The worker's event source mapping as benchmarks need it: off, on, and with a limit of its own."""

from typing import TYPE_CHECKING, Any

from lab.common.polling import wait_for
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SECONDS = 60.0


class Mapping:
    """The mapping of one pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._client: LambdaClient = pipeline.aws.client("lambda")
        self._uuid = pipeline.stack.worker_event_source_mapping_id

    @property
    def maximum_concurrency(self) -> int | None:
        """Its MaximumConcurrency; None for AWS's own scaling."""
        return (
            self._client.get_event_source_mapping(UUID=self._uuid)
            .get("ScalingConfig", {})
            .get("MaximumConcurrency")
        )

    def switch(self, *, enabled: bool) -> None:
        """Enable or disable it, and wait until it is."""
        self._update(Enabled=enabled)
        self._wait_until("Enabled" if enabled else "Disabled")

    def limit(self, concurrency: int | None) -> None:
        """Set MaximumConcurrency, or take it away; the mapping is enabled afterwards."""
        self._update(ScalingConfig={"MaximumConcurrency": concurrency} if concurrency else {})
        self._wait_until("Enabled")

    def _update(self, **changes: Any) -> None:
        self._client.update_event_source_mapping(UUID=self._uuid, **changes)

    def _wait_until(self, wanted: str) -> None:
        wait_for(
            f"a mapping that is {wanted}",
            lambda: self._client.get_event_source_mapping(UUID=self._uuid).get("State"),
            lambda state: state == wanted,
            within=SECONDS,
        )
