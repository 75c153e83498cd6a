"""An HTTP API's metrics, for the API and for its stage.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
"""

from lab_localstack.apigatewayv2.payload import Call
from lab_localstack.metrics import publish

NAMESPACE = "AWS/ApiGateway"


def answered(call: Call, status: int, latency: float, integration_latency: float | None, data: int) -> None:
    """A request was answered: latencies in milliseconds, None where no function was asked, and data in bytes."""
    for dimensions in ({"ApiId": call.api_id}, {"ApiId": call.api_id, "Stage": call.stage}):
        place = (dimensions, call.account, call.region)
        publish(NAMESPACE, "Count", 1, "Count", *place)
        publish(NAMESPACE, "4xx", int(400 <= status < 500), "Count", *place)
        publish(NAMESPACE, "5xx", int(status >= 500), "Count", *place)
        publish(NAMESPACE, "Latency", latency, "Milliseconds", *place)
        publish(NAMESPACE, "DataProcessed", data, "Bytes", *place)
        if integration_latency is not None:
            publish(NAMESPACE, "IntegrationLatency", integration_latency, "Milliseconds", *place)
