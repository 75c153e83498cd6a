"""The pipeline's HTTP API as a client sees it: submit orders, redrive the DLQ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from lab.deployment.stack import Stack
from lab.engines.clients import Aws
from lab.engines.direct import DIRECT
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECONDS = 30.0  # an HTTP API answers within 30 s or not at all


@dataclass(frozen=True)
class Accepted:
    """What the API promised for one order when it answered 202."""

    order_id: str
    message_id: str
    idempotency_key: str
    correlation_id: str


def accepted_in(body: dict[str, Any]) -> Accepted:
    """What an answer of the API promises for one order."""
    return Accepted(body["orderId"], body["messageId"], body["idempotencyKey"], body["correlationId"])


class Api:
    """A client of one deployed API. Use it as a context manager; it keeps connections open."""

    def __init__(self, aws: Aws, stack: Stack) -> None:
        self._http = httpx.Client(base_url=stack.api_url, timeout=SECONDS, **DIRECT)
        self._aws = aws
        self._stack = stack
        self._token: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def post_order(self, order: dict[str, Any], **headers: str) -> httpx.Response:
        """POST /events, whatever the answer."""
        return self._http.post("/events", json=order, headers=headers)

    def submit(self, order: dict[str, Any]) -> Accepted:
        """POST /events. Raises LabError unless the API accepts the order."""
        answer = self.post_order(order)
        if answer.status_code != 202:
            raise LabError(
                f"The API refused the order {order.get('orderId')}: {answer.status_code} {_explained(answer)}",
                "See what the pipeline does: make status",
            )
        return accepted_in(answer.json())

    def submit_batch(self, orders: Sequence[dict[str, Any]]) -> list[Accepted]:
        """POST /events/batch. Raises LabError unless the API accepts every order."""
        answer = self._http.post("/events/batch", json={"events": orders})
        body: dict[str, Any] = answer.json() if answer.status_code == 207 else {}
        if body.get("rejected") != 0:
            raise LabError(
                f"The API refused orders of a batch: {answer.status_code} {answer.text[:300]}",
                "See what the pipeline does: make status",
            )
        return [accepted_in(result) for result in body["results"]]

    def preview(self, **filters: Any) -> dict[str, Any]:
        """GET /redrive/preview."""
        return self._redrive("GET", "/redrive/preview", params=filters)

    def dry_run(self, **filters: Any) -> dict[str, Any]:
        """GET /redrive/dry-run: a preview, and what a redrive by it would come to."""
        return self._redrive("GET", "/redrive/dry-run", params=filters)

    def start_redrive(self, **parameters: Any) -> str:
        """POST /redrive/start; returns the operation's id."""
        return self._redrive("POST", "/redrive/start", json=parameters)["operationId"]

    def redrive(self, operation_id: str) -> dict[str, Any]:
        """GET /redrive/{id}: progress and result."""
        return self._redrive("GET", f"/redrive/{operation_id}")

    def cancel_redrive(self, operation_id: str) -> dict[str, Any]:
        """POST /redrive/{id}/cancel: ask it to stop; returns the operation."""
        return self._redrive("POST", f"/redrive/{operation_id}/cancel")

    def redrive_token(self) -> str:
        """The bearer token of the /redrive routes, read from Secrets Manager once."""
        if self._token is None:
            secrets: SecretsManagerClient = self._aws.client("secretsmanager")
            name = self._stack.redrive_token_secret_name
            self._token = secrets.get_secret_value(SecretId=name)["SecretString"]
        return self._token

    def _redrive(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        answer = self._http.request(
            method, path, headers={"Authorization": f"Bearer {self.redrive_token()}"}, **request
        )
        if answer.is_error:
            raise LabError(
                f"{method} {path} answered {answer.status_code}: {_explained(answer)}",
                _REDRIVE_FIXES.get(answer.status_code, "See what the pipeline does: make status"),
            )
        return answer.json()


_REDRIVE_FIXES = {
    400: "Correct what it names; lab dlq stats counts what the letters died of.",
    404: "Give the id that POST /redrive/start answered with, and lab dlq redrive printed.",
    409: "Look again before you go on: a plan has its digest, an operation its status.",
}


def _explained(answer: httpx.Response) -> str:
    """What an answer says of itself: its problem details in words, else its text."""
    try:
        document: Any = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "detail" not in document:
        return answer.text[:300]
    problem = cast(dict[str, Any], document)
    wrong = [f"{violation['pointer']} {violation['reason']}" for violation in problem.get("violations", [])]
    return " ".join([problem["detail"], *wrong])
