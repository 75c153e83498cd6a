"""The engines that suites are run against: this distribution's, a stock LocalStack, or one that runs already."""

from pathlib import Path

from support.engines import ENVIRONMENTS, EngineAt, EngineWith

PYTHON = ENVIRONMENTS / "recorded" / "bin" / "python"
"""LocalStack as it is published, without this distribution, and what the suites import."""
OURS, STOCK = "ours", "stock"
SUITES_TIMES = {"LAMBDA_RETRY_BASE_DELAY": "5"}
"""What LocalStack's tests set in the engine's own process, where they share it: for minutes on AWS."""


class StockEngine(EngineWith):
    """LocalStack 4.14.0 without this distribution and its settings.

    Its default server listens on all addresses of the machine, so it is given hypercorn, which LocalStack has, too.
    Without Docker it runs no function; without DynamoDB Local's files it has no tables.
    """

    def __init__(self) -> None:
        super().__init__(
            **SUITES_TIMES,
            CONFIG_PROFILE="",
            GATEWAY_SERVER="hypercorn",
            SKIP_SSL_CERT_DOWNLOAD="1",
            DISABLE_EVENTS="1",
            DNS_ADDRESS="0",
        )
        self.command: list[str | Path] = [PYTHON, "-m", "localstack.runtime.main"]


def engine(which: str) -> EngineWith | EngineAt:
    """`ours`, `stock`, or the engine at a URL."""
    if which == OURS:
        return EngineWith(**SUITES_TIMES, LAB_LAMBDA_PYTHONS="any")
    return StockEngine() if which == STOCK else EngineAt(which)
