"""What is told of each request afterwards: metrics, and a line in the stage's access log.

Source: API Gateway guide, "Customize HTTP API access logs".
"""

import time
from dataclasses import dataclass, field
from typing import Any

from localstack.http import Response
from moto.apigatewayv2.models import Stage
from moto.logs.models import logs_backends

from lab_localstack.apigatewayv2 import metrics
from lab_localstack.apigatewayv2.access_log import render
from lab_localstack.apigatewayv2.errors import GatewayError
from lab_localstack.apigatewayv2.payload import Call
from lab_localstack.lambda_.log_shipping import SHIPPER, Stream
from lab_localstack.lambda_.output import LogEvent


@dataclass
class Observation:
    """What became of one request."""

    began: float = field(default_factory=time.perf_counter)
    error: GatewayError | None = None
    """Why API Gateway answered the request itself."""
    integration_milliseconds: float | None = None
    integration_status: int | None = None
    """What Lambda answered: 200 also when the function failed."""
    function_status: int | None = None
    """The status code that the function returned."""
    authorizer_error: str | None = None

    def tell(self, call: Call, stage: Stage, response: Response) -> None:
        """Publish the metrics and write the access log; neither makes the client wait."""
        latency = (time.perf_counter() - self.began) * 1000
        size = response.calculate_content_length() or 0
        data = len(call.body) + size
        metrics.answered(call, response.status_code, latency, self.integration_milliseconds, data)
        log = stage.access_log_settings or {}
        group = log.get("destinationArn", "").partition(":log-group:")[2].removesuffix(":*")
        if group in logs_backends[call.account][call.region].groups:  # a line never makes its group
            line = render(log["format"], self._variables(call, response.status_code, latency, size))
            stream = Stream(call.account, call.region, group, f"{call.api_id}-{call.stage.removeprefix('$')}")
            SHIPPER.ship(stream, [LogEvent(time.time_ns() // 1_000_000, line)])

    def _variables(self, call: Call, status: int, latency: float, size: int) -> dict[str, Any]:
        context = call.context
        http = context["http"]
        integrated = None if self.integration_milliseconds is None else round(self.integration_milliseconds)
        failed = str(self.error) if self.error and integrated is not None else None
        passed_on = call.authorizer_context or {}
        return {f"authorizer.{name}": value for name, value in passed_on.items()} | {
            "accountId": call.account,
            "apiId": call.api_id,
            "authorizer.error": self.authorizer_error,
            "dataProcessed": len(call.body) + size,
            "domainName": context["domainName"],
            "domainPrefix": call.api_id,
            "error.message": self.error and self.error.message,
            "error.responseType": self.error and self.error.response_type,
            "extendedRequestId": call.request_id,
            "httpMethod": http["method"],
            "identity.sourceIp": http["sourceIp"],
            "identity.userAgent": http["userAgent"],
            "integration.error": failed,
            "integration.integrationStatus": self.integration_status,
            "integration.latency": integrated,
            "integration.status": self.function_status,
            "integrationErrorMessage": failed,
            "integrationLatency": integrated,
            "integrationStatus": self.integration_status,
            "path": call.raw_path,
            "protocol": http["protocol"],
            "requestId": call.request_id,
            "requestTime": call.time,
            "requestTimeEpoch": context["timeEpoch"],
            "responseLatency": round(latency),
            "responseLength": size,
            "routeKey": call.route_key,
            "stage": call.stage,
            "status": status,
        }
