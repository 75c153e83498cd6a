"""Schema evolution: two versions live side by side, a third is nobody's fault but visible.

Orders of version 1 and of version 2 are processed alike. Version 3 does not exist: the API refuses it with the pointer
to the culprit, before anything is queued. A producer that writes to the queue past the API gets no such answer; its
orders end in the DLQ, whose cause of death names the same pointer.
"""

import uuid
from typing import Any

from lab.scenario import Experiment, probes, rules
from lab.scenario.model import Prediction, Scenario, exactly, steady, under

EACH = 4
V2 = {"schemaVersion": 2, "customerId": "customer-1", "total": {"amount": 12.5, "currency": "EUR"}}


def of_version(version: int, label: str) -> list[dict[str, Any]]:
    return [
        V2 | {"schemaVersion": version, "orderId": f"{label}-{uuid.uuid4().hex[:12]}"} for _ in range(EACH)
    ]


def both_versions(run: Experiment) -> None:
    run.submit(EACH, label="v1", schemaVersion=1)
    run.offer(of_version(2, "v2"))
    run.processed()


def unknown_version(run: Experiment) -> None:
    run.offer(of_version(3, "v3-api"))
    run.enqueue(of_version(3, "v3-queue"))
    run.dead(EACH)


SCENARIO = Scenario(
    title="Schema evolution: versions 1, 2 and an unknown 3",
    hypothesis="Known versions are processed side by side; an unknown one is refused, or dies with its reason.",
    phases=(
        steady(
            both_versions,
            Prediction("orders accepted", probes.answers(202), exactly(2 * EACH)),
            Prediction("orders processed", probes.processed(), exactly(2 * EACH)),
            premise=f"{EACH} orders of version 1 and {EACH} of version 2 are sent.",
        ),
        under(
            do=unknown_version,
            predict=(
                Prediction("requests answered 422", probes.answers(422), exactly(EACH)),
                Prediction("rejections counted", probes.emitted("OrdersRejected", "ingest"), exactly(EACH)),
                Prediction("messages in the DLQ", probes.dlq_depth(), exactly(EACH), rules.PAST_THE_API),
                Prediction(
                    "category of death",
                    probes.letters("errorCategory"),
                    exactly({"VALIDATION": EACH}),
                    rules.PAST_THE_API,
                ),
                Prediction(
                    "type of death",
                    probes.letters("errorType"),
                    exactly({"SchemaViolation": EACH}),
                    rules.PAST_THE_API,
                ),
                Prediction(
                    "letters that name /schemaVersion", probes.letters_saying("/schemaVersion"), exactly(EACH)
                ),
                Prediction("orders processed", probes.processed(), exactly(2 * EACH), rules.KEPT),
            ),
            premise=f"{EACH} orders of version 3 are sent to the API, and {EACH} to the queue past it.",
        ),
    ),
    ends_with=EACH,
)
