"""A batch of messages through a thread pool, without letting one message wait for another's fault."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, wait

from functions.common.errors import NotBegunError, OutOfTimeError
from functions.publish.envelope import Envelope
from functions.worker.outcome import Failed, Outcome


class BatchRunner:
    """Runs `process` for every message of a batch.

    Messages with the same idempotency key run one after the other: at once, one would only find the other's
    claim. All others are independent of each other, and run at once.
    """

    def __init__(
        self, process: Callable[[Envelope], Outcome], executor: Executor, *, claim_seconds: int
    ) -> None:
        self._process = process
        self._executor = executor
        self._claim_seconds = claim_seconds

    def run(self, envelopes: Iterable[Envelope], seconds_left: Callable[[], float]) -> list[Outcome]:
        """An outcome for every message, in their order, before `seconds_left()` reaches zero.

        No message is begun after that; one that is still running then counts as failed. It may yet commit:
        its next delivery finds out.
        """
        envelopes = list(envelopes)
        begun: set[str] = set()
        outcomes: dict[str, Outcome] = {}
        recording = threading.Lock()

        def run_group(group: list[Envelope]) -> None:
            for envelope in group:
                if seconds_left() <= 0:
                    return
                with recording:
                    begun.add(envelope.message_id)
                outcome = self._process(envelope)
                with recording:
                    outcomes[envelope.message_id] = outcome

        running = [self._executor.submit(run_group, group) for group in _groups(envelopes)]
        wait(running, timeout=max(0.0, seconds_left()))
        for future in running:
            future.cancel()
        with recording:
            late = [envelope for envelope in envelopes if envelope.message_id not in outcomes]
            for envelope in late:
                outcomes[envelope.message_id] = self._out_of_time(
                    envelope, begun=envelope.message_id in begun
                )
            return [outcomes[envelope.message_id] for envelope in envelopes]

    def _out_of_time(self, envelope: Envelope, *, begun: bool) -> Failed:
        # A message that is still running holds its key; before the claim expires a retry is in vain.
        text = "the worker ran out of time"
        error = OutOfTimeError(text, self._claim_seconds) if begun else NotBegunError(text)
        return Failed(envelope, envelope.idempotency_key(), error)


def _groups(envelopes: Iterable[Envelope]) -> list[list[Envelope]]:
    """Messages by idempotency key; those nearest to their last receive come first."""
    groups: dict[str, list[Envelope]] = {}
    for envelope in envelopes:
        groups.setdefault(envelope.idempotency_key(), []).append(envelope)
    return sorted(groups.values(), key=lambda group: -max(envelope.receive_count for envelope in group))
