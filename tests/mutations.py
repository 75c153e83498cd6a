"""Breaks each invariant of the functions, and each rule of verdicts, once, and names the unit test that fails then.

    python -m tests.mutations [WORDS]

A mutation that no test notices is an error. Each runs on a copy; the working tree stays as it is. About five minutes;
with WORDS only the mutations that have them in their names.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.common import paths
from tests.support.mutation import Mutation

MUTATIONS = {
    "a batch has ten entries at most": Mutation(
        "functions/publish/packing.py",
        "pack",
        "len(packed.batches[-1]) < max_entries",
        "len(packed.batches[-1]) <= max_entries",
    ),
    "a batch stays below the size limit": Mutation(
        "functions/publish/packing.py", "pack", "needed <= room", "True"
    ),
    "what is too large is reported": Mutation(
        "functions/publish/packing.py", "pack", "packed.oversize.append(thing)", "continue"
    ),
    "a refused entry is sent again": Mutation(
        "functions/publish/publisher.py", "Publisher._try", "again.append(numbered)", "pass"
    ),
    "a sender's own fault is not repeated": Mutation(
        "functions/publish/publisher.py", "Publisher._try", "not its_own", "True"
    ),
    "what was not sent is reported": Mutation(
        "functions/publish/publisher.py",
        "Publisher._try",
        'Delivery(error=failure["Code"], detail=told, senders_fault=its_own)',
        'Delivery(message_id="x")',
    ),
    "what can never pass is not retried": Mutation(
        "functions/common/errors.py",
        "Category.retryable",
        "self not in (Category.VALIDATION, Category.PERMANENT)",
        "True",
    ),
    "an amount is checked exactly": Mutation(
        "functions/validate/fast_path.py",
        "is_multiple",
        "_EXACT.remainder(Decimal(number), divisor) == 0",
        "Decimal(number) % divisor == 0",
    ),
    "money has two decimals": Mutation(
        "functions/processor/order.py", "_money", "Decimal(number).quantize(CENT)", "Decimal(number)"
    ),
    "retries wait, with full jitter": Mutation(
        "functions/common/backoff.py",
        "full_jitter",
        "rng.uniform(0, ceiling(attempt, base, cap))",
        "ceiling(attempt, base, cap)",
    ),
    "the last receive dead-letters with its cause": Mutation(
        "functions/worker/policy.py",
        "RetryPolicy.decide",
        "receive_count >= self.max_receive_count",
        "receive_count > self.max_receive_count",
    ),
    "an open circuit does not spend the receives": Mutation(
        "functions/worker/policy.py",
        "RetryPolicy.decide",
        "receive_count >= self.max_receive_count - 1",
        "receive_count > self.max_receive_count",
    ),
    "a circuit is waited for at most twice the age": Mutation(
        "functions/worker/policy.py",
        "RetryPolicy._defer_seconds",
        "(DEFER_FACTOR - 1) * age_seconds",
        "MAX_DEFER_SECONDS",
    ),
    "a hidden order grows older": Mutation(
        "functions/worker/waiting.py", "outlook", "now + ahead - since / 1000", "now - since / 1000"
    ),
    "a requeued copy is as old as its order": Mutation(
        "functions/publish/death.py",
        "requeued",
        "{REQUEUES: envelope.requeues + 1, WAITING_SINCE: envelope.waiting_since}",
        "{REQUEUES: envelope.requeues + 1}",
    ),
    "time in the DLQ is no waiting": Mutation(
        "functions/publish/envelope.py",
        "Envelope.waiting_since",
        "self.sent_at if was_dead else self.accepted_at",
        "self.accepted_at",
    ),
    "the letter holds the body that died": Mutation(
        "functions/worker/faults.py",
        "poisoned",
        "replace(envelope, body=codec.dumps(_with_comma(envelope.document)))",
        "envelope.__dict__.update(document=_with_comma(envelope.document)) or envelope",
    ),
    "a dead message is acknowledged only when the DLQ has it": Mutation(
        "functions/worker/settlement.py",
        "Settlement.settle",
        "_ids(self._dead_letter(letters))",
        "(self._dead_letter(letters), _ids(failed for failed, _ in letters))[1]",
    ),
    "a requeued message is acknowledged only when the queue has it": Mutation(
        "functions/worker/settlement.py",
        "Settlement.settle",
        "_ids(self._requeue(copies))",
        "(self._requeue(copies), _ids(failed for failed, _ in copies))[1]",
    ),
    "an order is acknowledged only when its event is out": Mutation(
        "functions/worker/settlement.py",
        "Settlement.settle",
        "failed += self._publish(done)",
        "self._publish(done)",
    ),
    "a message that is retried is not acknowledged": Mutation(
        "functions/worker/settlement.py",
        "Settlement.settle",
        "_ids(failed) - gone",
        "set[str]()",
    ),
    "a failed event is sent again alone": Mutation(
        "functions/events/event_publisher.py",
        "EventPublisher._put",
        "[[index] for index in batch if errors[index]]",
        "[]",
    ),
    "an effect is single whatever is remembered": Mutation(
        "functions/processor/effect.py",
        "order_row",
        '"attribute_not_exists(#orderId)"',
        '"attribute_not_exists(#orderId) OR #idempotencyKey = :idempotencyKey"',
    ),
    "an effect of another key is not a duplicate's": Mutation(
        "functions/processor/effect.py",
        "earlier_response",
        'known.get("idempotencyKey") != origin.idempotency_key',
        "False",
    ),
    "a call is begun only if it can end in time": Mutation(
        "functions/common/deadline.py",
        "require_time_for_a_call",
        "deadline.at - time.monotonic() < deadline.call_seconds",
        "False",
    ),
    "a message that was not begun keeps a receive": Mutation(
        "functions/worker/policy.py", "RetryPolicy.decide", "isinstance(error, NotBegunError)", "False"
    ),
    "a silence of the circuits' table is remembered": Mutation(
        "functions/worker/circuits.py", "_OneReader.get_state", "self._save_to_cache(record)", "pass"
    ),
    "a failed event is reported": Mutation(
        "functions/events/event_publisher.py",
        "EventPublisher._put",
        'errors[index] = entry.get("ErrorCode")',
        "errors[index] = None",
    ),
    "duplicates inside a batch run one after the other": Mutation(
        "functions/worker/batch.py", "_groups", "envelope.idempotency_key()", "envelope.message_id"
    ),
    "no message is begun without time for it": Mutation(
        "functions/worker/batch.py", "BatchRunner.run", "seconds_left() <= 0", "False"
    ),
    "one message's failure is its own": Mutation(
        "functions/worker/process.py",
        "MessageProcessor.process",
        "return Failed(envelope, key, error)",
        "raise",
    ),
    "a duplicate is known as one": Mutation(
        "functions/worker/process.py",
        "MessageProcessor._done",
        "Done(envelope=envelope, key=key, event=processed_event(response, idempotency_key=key,"
        " correlation_id=envelope.correlation_id), duplicate=result.replayed,"
        ' latency_ms=response["processedAt"] - envelope.accepted_at)',
        "Done(envelope=envelope, key=key, event=processed_event(response, idempotency_key=key,"
        " correlation_id=envelope.correlation_id), duplicate=False,"
        ' latency_ms=response["processedAt"] - envelope.accepted_at)',
    ),
    "the same order has the same key": Mutation(
        "functions/worker/process.py",
        "MessageProcessor.process",
        "key = envelope.idempotency_key(document)",
        "key = envelope.message_id",
    ),
    "a letter carries its cause": Mutation(
        "functions/publish/death.py", "dead_letter", "text(category_of(error))", 'text("UNKNOWN")'
    ),
    "a redrive counts itself on the message": Mutation(
        "functions/publish/death.py",
        "redriven",
        "number(envelope.next_redrive_count)",
        "number(envelope.redrive_count)",
    ),
    "what has no room as an attribute is in the lineage": Mutation(
        "functions/publish/attributes.py",
        "carrying",
        "{name: as_json(value) for name, value in theirs.items() if name not in fitting}",
        "{}",
    ),
    "what the lineage kept is an attribute again": Mutation(
        "functions/publish/attributes.py",
        "carrying",
        "readable | {name: value for name, value in envelope.attributes.items() if not _is_own(envelope, name, value)}",
        "{name: value for name, value in envelope.attributes.items() if not _is_own(envelope, name, value)}",
    ),
    "ten attributes at most": Mutation(
        "functions/publish/attributes.py", "carrying", "by_size[:MAX_ATTRIBUTES - len(taken)]", "by_size"
    ),
    "no spelling of a redrive count hides a redrive": Mutation(
        "functions/publish/envelope.py", "_count", "ROUND_CEILING", '"ROUND_FLOOR"'
    ),
    "a death in the future counts from its letter": Mutation(
        "functions/redrive/selection.py",
        "died_at",
        "min(max(round(failed_at.timestamp() * 1000), oldest), envelope.sent_at)",
        "max(round(failed_at.timestamp() * 1000), oldest)",
    ),
    "what dies again is not part of the operation": Mutation(
        "functions/redrive/selection.py", "judge", "envelope.sent_at > requested_at", "False"
    ),
    "a canary that could not be sent is not waited for": Mutation(
        "functions/redrive/phases.py",
        "Phases._move",
        "self._progress.canaries = [self.transfer.moved(envelope) for envelope in sent]",
        "pass",
    ),
    "a repeated step keeps to its canaries": Mutation(
        "functions/redrive/phases.py", "Phases._move", "canaries and not recorded", "False"
    ),
    "a letter is tried once in an operation": Mutation(
        "functions/redrive/search.py",
        "Search._sort",
        "envelope.message_id in self._refused_before",
        "False",
    ),
    "a letter is deleted only when its message was sent": Mutation(
        "functions/redrive/phases.py",
        "Phases._move",
        "self.transfer.start_deleting(sent)",
        "self.transfer.start_deleting(chosen)",
    ),
    "an original is kept before its letter is deleted": Mutation(
        "functions/redrive/transfer.py",
        "Transfer._send",
        "self.edits.record(envelope, delivery.message_id)",
        "pass",
    ),
    "a corrected order stays the one that was accepted": Mutation(
        "functions/redrive/repair.py",
        "corrected",
        'letter.order_id not in (None, order["orderId"])',
        "False",
    ),
    "a letter that its audit row cannot give back is not patched": Mutation(
        "functions/redrive/selection.py", "is_patchable", "is_kept_whole(envelope)", "True"
    ),
    "a canary of a patch is known by its new key": Mutation(
        "functions/redrive/transfer.py", "Transfer.moved", "self.edits.of(envelope)", "envelope"
    ),
    "a group that goes on dying halts its redrive": Mutation(
        "functions/redrive/phases.py", "Phases._is_new_death", "envelope.sent_at <= self.requested_at", "True"
    ),
    "an undone letter is known as such until it moves again": Mutation(
        "lab/dlq/undo.py", "_restored", "letter.lineage | {UNDONE: edit.letter_id}", "letter.lineage"
    ),
    "what was processed is not undone": Mutation(
        "lab/dlq/undo.py", "Undo._look", "edit.letter_id in processed", "False"
    ),
    "a letter is sent before it is deleted": Mutation(
        "functions/redrive/transfer.py", "Transfer.send", "delivery.sent", "True"
    ),
    "a letter that is not selected is not moved": Mutation(
        "functions/redrive/search.py", "Search._sort", "verdict is Verdict.SELECTED", "True"
    ),
    "a letter that is not moved is visible again": Mutation(
        "functions/redrive/search.py",
        "Search.release",
        "[*self.ready, *self._held, *self._later.values()]",
        "[*self.ready]",
    ),
    "a letter that was put off is received again": Mutation(
        "functions/redrive/search.py", "Search._take_back", "self._returning |= put_off.keys()", "pass"
    ),
    "a discarded letter has its audit row before it is deleted": Mutation(
        "lab/dlq/repair.py",
        "Discarding.carry_out",
        "list(threads.map(record, chosen))",
        "pass",
    ),
    "what was moved is recorded by its identity": Mutation(
        "functions/redrive/phases.py",
        "Phases._move",
        "self.control.record(moved, already)",
        "self.control.record()",
    ),
    "an earlier invocation's letters are not sent twice": Mutation(
        "functions/redrive/search.py", "Search._sort", "envelope.message_id in self._moved_before", "False"
    ),
    "a search that is full is not complete": Mutation(
        "functions/redrive/phases.py",
        "Phases.run",
        "self.search.exhausted and (not self.search.full)",
        "self.search.exhausted",
    ),
    "a search that is full has not succeeded": Mutation(
        "functions/redrive/phases.py", "Phases.run", "self.search.full and self._room > 0", "False"
    ),
    "a search that its limit ended is not complete": Mutation(
        "functions/redrive/phases.py",
        "Phases.run",
        "self.search.exhausted and (not self.search.full)",
        "not self.search.full",
    ),
    "invocations that find nothing do not follow each other for ever": Mutation(
        "functions/redrive/control.py", "Control.conclude", "progress.idle >= MAX_IDLE_INVOCATIONS", "False"
    ),
    "what died again is not processed": Mutation(
        "functions/redrive/outcome.py",
        "Follower.outcome",
        "died |= found",
        "done |= found",
    ),
    "the queue is asked before the effects that are missing": Mutation(
        "functions/redrive/outcome.py",
        "Follower.outcome",
        "done |= self.effects.processed(message for message in moved if message.letter_id not in died | done)",
        "pass",
    ),
    "what is processed has an effect under its own key": Mutation(
        "functions/redrive/canary.py",
        "OrdersTable.processed",
        "message.idempotency_key in (None, row.get('idempotencyKey', {}).get('S', '')[:KEPT_CHARACTERS])",
        "True",
    ),
    "a letter of another acceptance is not a death": Mutation(
        "functions/redrive/moved.py",
        "Moved.died_as",
        "(again.correlation_id, again.order_id) == (self.correlation_id, self.order_id)",
        "True",
    ),
    "a foreign letter is not a death": Mutation(
        "functions/redrive/outcome.py",
        "died_again",
        "any(map(message.died_as, by_identity[message.correlation_id, message.order_id]))",
        "bool(by_identity)",
    ),
    "a letter from before the request is not a death": Mutation(
        "functions/redrive/outcome.py", "died_again", "letter.sent_at > requested_at", "True"
    ),
    "what waits in the queue is not unknown": Mutation(
        "functions/redrive/outcome.py",
        "Follower.outcome",
        "drained and self.dlq.depth() == seen",
        "True",
    ),
    "what is in no queue is not waiting": Mutation(
        "functions/redrive/outcome.py",
        "Follower.outcome",
        "drained and self.dlq.depth() == seen",
        "False",
    ),
    "what left no identity is told": Mutation(
        "functions/redrive/outcome.py", "Follower.outcome", "max(0, int(row['moved']) - len(moved))", "0"
    ),
    "dry run: what hangs on chance or a dependency is uncertain": Mutation(
        "functions/worker/dry_run.py",
        "DryRun._fate",
        "Fate.UNCERTAIN if doubt else Fate.WOULD_PASS",
        "Fate.WOULD_PASS",
    ),
    "dry run: what may pass at a later receive is uncertain": Mutation(
        "functions/worker/dry_run.py", "DryRun._fate", "category_of(error).worth_repeating", "False"
    ),
    "dry run: an open circuit is looked at": Mutation(
        "functions/worker/dry_run.py", "DryRun._open_circuit", "self.circuits.is_open(name)", "False"
    ),
    "dry run: letters that contradict each other are uncertain": Mutation(
        "functions/worker/dry_run.py", "_contested", "len(some) > 1", "False"
    ),
    "dry run: a failure mode spoils messages as in the worker": Mutation(
        "functions/worker/dry_run.py", "DryRun.forecast", "as_received(envelope, mode)", "envelope"
    ),
    "dry run: the receives it would spend are the policy's": Mutation(
        "functions/worker/dry_run.py",
        "DryRun._receives",
        "self.policy.decide(error, count) == DeadLetter()",
        "False",
    ),
    "dry run: it logs no event of the pipeline's": Mutation(
        "functions/worker/dry_run.py", "DryRun.forecast", "silence()", "open('/dev/null')"
    ),
    "dry run: a row in the effect's place counts": Mutation(
        "functions/idempotency/reading.py",
        "ReadingStore.complete",
        "raise EffectExistsError(row)",
        "pass",
    ),
    "dry run: a key's record counts": Mutation(
        "functions/idempotency/reading.py", "ReadingStore._put_record", "item is None", "True"
    ),
    "dry run: a record that is over counts as none": Mutation(
        "functions/idempotency/reading.py",
        "ReadingStore._put_record",
        "known.is_expired or (known.status == IN_PROGRESS and _is_over(known))",
        "False",
    ),
    "dry run: another payload under a key counts": Mutation(
        "functions/idempotency/reading.py",
        "ReadingStore._put_record",
        "self._validate_payload(data_payload=data_record, stored_data_record=known)",
        "pass",
    ),
    "dry run: a letter that ends it takes no other's answer along": Mutation(
        "functions/redrive/forecast.py", "Forecasts._forecast", "len(letters) == 1", "True"
    ),
    "dry run: without time nothing is asked": Mutation(
        "functions/redrive/forecast.py",
        "Forecasts._forecast",
        "self._seconds_left() < ANSWER_SECONDS",
        "False",
    ),
    "dry run: an event has a limit": Mutation(
        "functions/redrive/forecast.py", "Forecasts.add", "self._bytes + size > MAX_EVENT_BYTES", "False"
    ),
    "dry run: a death names the group that it would join": Mutation(
        "functions/redrive/forecast.py", "_death", "own(letter) | lineage | attributes", "own(letter)"
    ),
    "dry run: what would not be moved is not forecast": Mutation(
        "functions/redrive/preview.py", "_Sample._add_matching", "verdict is Verdict.SELECTED", "True"
    ),
    "a message's own order id does not tell groups apart": Mutation(
        "functions/redrive/fingerprint.py", "_told", "ids.add(envelope.order_id)", "pass"
    ),
    "an unknown error type is an error": Mutation(
        "functions/redrive/preview.py",
        "preview",
        "require_known(plan.error_type, sample.seen.by_error_type.keys())",
        "None",
    ),
    "a text is found behind its escapes": Mutation(
        "functions/redrive/selection.py", "contains", "(codec.readable(document), *_texts(document))", "()"
    ),
}
"""What no longer holds, by the mutation that makes it so."""

RESULTS, GUESSES, RUNNER = "lab/common/results.py", "lab/scenario/guesses.py", "lab/scenario/runner.py"
VERDICTS = {
    "verdict: a refuted result is not passed": Mutation(
        RESULTS, "exit_code", "not verdicts or Verdict.REFUTED in verdicts", "not verdicts"
    ),
    "verdict: where nothing was judged nothing is passed": Mutation(
        RESULTS, "exit_code", "not verdicts or Verdict.REFUTED in verdicts", "Verdict.REFUTED in verdicts"
    ),
    "verdict: what was not read is not passed": Mutation(
        RESULTS, "exit_code", "UNREAD_CODE if Verdict.UNREAD in verdicts else 0", "0"
    ),
    "verdict: what is not provable here is not tallied as proved": Mutation(
        RESULTS, "tally", "result.verdict is verdict", "result.verdict in (verdict, Verdict.NOT_PROVABLE)"
    ),
    "verdict: what is not provable here is not counted as proved": Mutation(
        "lab/report/run.py",
        "Run.count",
        "result.verdict == verdict",
        "result.verdict in (verdict, Verdict.NOT_PROVABLE)",
    ),
    "verdict: a run without an account is not passed": Mutation(
        "lab/report/run.py", "Run.exit_code", "self.account is not None and self.account.sound", "True"
    ),
    "verdict: a command ends with the exit code of its worst run": Mutation(
        "lab/commands/scenario.py", "run_all", "{run.exit_code for run in runs} - {0}", "set()"
    ),
    "verdict: a refuted result is a failure in JUnit": Mutation(
        "lab/report/junit.py", "junit", "result.verdict is Verdict.REFUTED", "False"
    ),
    "verdict: a prediction without a row gets one": Mutation(
        RUNNER, "unjudged", "(phase.name, prediction.name) not in judged", "False"
    ),
    "verdict: a prediction is proved by its tolerance": Mutation(
        RUNNER, "examine", "Verdict.of(prediction.expected.holds(value))", "Verdict.PROVED"
    ),
    "verdict: an error of AWS's is not a value": Mutation(
        RUNNER,
        "",
        "(BotoCoreError, ClientError, httpx.HTTPError, LabError)",
        "(BotoCoreError, httpx.HTTPError, LabError)",
    ),
    "verdict: what could not be read is not refuted": Mutation(
        RUNNER,
        "examine",
        """(' '.join(f'could not be read: {error}'.split()), Verdict.UNREAD)""",
        """(' '.join(f'could not be read: {error}'.split()), Verdict.REFUTED)""",
    ),
    "verdict: where the engine differs nothing is proved": Mutation(
        RUNNER, "examine", "experiment.differs.get(prediction.probe.relies_on)", "''"
    ),
    "verdict: a guess is judged by what was seen": Mutation(
        GUESSES, "_right", "guess == result.seen", "guess == result.expected"
    ),
    "verdict: a guess about what was not seen is not judged": Mutation(
        GUESSES, "_right", "result.verdict not in (Verdict.PROVED, Verdict.REFUTED)", "False"
    ),
    "verdict: a number that varies is not guessed by any number": Mutation(
        GUESSES, "_right", "seen / FACTOR <= float(guess) <= seen * FACTOR", "True"
    ),
    "verdict: each wrong guess is explained": Mutation(
        RESULTS, "misses", 'result.judged == "wrong"', 'result.judged == "right"'
    ),
}
"""The same for the rules by which the lab judges."""

JUDGES = {
    "steady: every parameter of the failure mode is looked at": Mutation(
        "lab/pipeline/observe.py",
        "Pipeline.failure_modes",
        "self.stack.failure_mode_parameters",
        "self.stack.failure_mode_parameters[:1]",
    ),
    "steady: `none` ends the mode of every parameter": Mutation(
        "lab/pipeline/observe.py", "Pipeline.parameters_for", 'mode == "none"', "False"
    ),
    "steady: a fault writes no parameter but its own": Mutation(
        "lab/pipeline/observe.py", "Pipeline.parameters_for", 'mode == "none"', "True"
    ),
    "steady: a puzzle's mode is not shown": Mutation(
        "lab/faults/failure_mode.py",
        "shown",
        "pipeline.failure_modes() | _hidden(pipeline)",
        "pipeline.failure_modes()",
    ),
    "steady: `lab mode none` leaves a puzzle alone": Mutation(
        "lab/faults/failure_mode.py", "put_in_force", "name not in hidden", "True"
    ),
    "steady: a deleted resource is a departure": Mutation(
        "lab/faults/steady_state.py", "departures", "return missing", "pass"
    ),
    "steady: every queue is looked at": Mutation(
        "lab/faults/steady_state.py", "_lasting", "depths.items()", "list(depths.items())[:1]"
    ),
    "steady: a changed setting is a fault": Mutation(
        "lab/faults/steady_state.py", "_faults", "Changes(pipeline).active()", "()"
    ),
    "steady: an alarm that rings is a departure": Mutation(
        "lab/faults/steady_state.py", "_ringing", 'state == "ALARM"', "False"
    ),
    "steady: a circuit that is not closed is a departure": Mutation(
        "lab/faults/steady_state.py", "_unwell", 'state != "CLOSED"', "False"
    ),
    "deleted: what is not there is told": Mutation(
        "lab/deployment/drift.py", "gone", "not _answered(look)", "False"
    ),
    "deleted: an empty list is nothing": Mutation(
        "lab/deployment/drift.py", "_answered", "bool(look())", "look() is not None"
    ),
    "deleted: another error is no deletion": Mutation(
        "lab/deployment/drift.py", "_answered", "is_gone(error)", "True"
    ),
    "deleted: no queue is deleted for the sake of its DLQ": Mutation(
        "lab/deployment/drift.py",
        "gone",
        "bool(part) or not _holds_data(stack, resource)",
        "True",
    ),
    "deleted: exports keep their values": Mutation(
        "lab/deployment/drift.py", "without", 'body | {"Value": stack.outputs[key]}', "body"
    ),
    "check: an effect is the own order's": Mutation(
        "lab/games/check.py",
        "Check._unprocessed",
        "each.order_id not in done",
        "not done",
    ),
    "check: an event is the own order's": Mutation(
        "lab/games/check.py", "Check._announced", "sent.order_id not in told", "not told"
    ),
    "check: a log line is the own order's": Mutation(
        "lab/games/check.py",
        "Check._lines_of",
        'line.get("orderId") == sent.order_id or line.get("correlation_id") == sent.correlation_id',
        "True",
    ),
    "check: a letter is the own order's": Mutation(
        "lab/games/check.py",
        "Check._letters_of",
        "letter.correlation_id == sent.correlation_id",
        "True",
    ),
    "check: the metric counts the own death": Mutation(
        "lab/games/check.py", "Check._counted", "max(1, len(logged))", "0"
    ),
    "check: the alarm rings for the own order": Mutation(
        "lab/games/check.py",
        "Check._heard",
        "self._alarms_heard() > self._alarmed_before",
        "self._alarms_heard() > 0",
    ),
    "check: an alarm that rings already is made to ring again": Mutation(
        "lab/games/check.py", "Check._is_ringing", '"ALARM"', '"never"'
    ),
    "check: nobody else's order is received": Mutation(
        "lab/games/check.py", "Check._is_quiet", "not depth.visible + depth.in_flight", "True"
    ),
    "check: a dead letter is kept for longer than an order waits": Mutation(
        "lab/games/check.py", "Check._kept", "dlq <= queue", "False"
    ),
    "check: a redrive moves the own letter alone": Mutation(
        "lab/games/check.py",
        "Check._redriven",
        "self._api.start_redrive(minAgeSeconds=0, bodyContains=order_id)",
        "self._api.start_redrive(minAgeSeconds=0)",
    ),
    "check: what needs a missing behaviour is not tried": Mutation(
        "lab/games/check.py",
        "Check._tried",
        "before[behaviour.needs].result().verdict is not Verdict.PROVED",
        "False",
    ),
    "puzzles: what could not be tried is not solved": Mutation(
        "lab/games/breakfix.py", "judge", "exit_code(results) == 0", "exit_code(results) != 1"
    ),
    "puzzles: who gave up has not solved it": Mutation(
        "lab/games/breakfix.py", "_end", "(SOLVED, GIVEN_UP)", "(SOLVED,)"
    ),
    "check: a delayed message is left over": Mutation(
        "lab/games/check.py", "leftovers", "pipeline.queue().total", "pipeline.queue().visible"
    ),
    "cost: what functions emit is no metric": Mutation(
        "lab/cost/usage.py", "standing", 'counted["metric-month"] += len(EMITTED_METRICS)', "pass"
    ),
}
"""The same for `lab check`, the steady state and the bill: what they overlook, or take for their own."""

JUDGED = (
    "aws_errors",
    "breakfix",
    "check",
    "cost",
    "drift",
    "failure_mode",
    "guesses",
    "results",
    "scenario_command",
    "scenarios",
    "steady_state",
)
SUITES = {
    "functions": ("tests/unit/functions",),
    "lab": tuple(f"tests/unit/lab/test_{name}.py" for name in (*JUDGED, "discard", "undo")),
}
"""The tests that are to notice a mutation, by the folder of its file."""


def main(wanted: str = "") -> int:
    """Run the mutations with these words in their names. Returns how many no test noticed."""
    unnoticed = 0
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for entry in paths.ROOT.iterdir():
            if entry.name not in SUITES and not entry.name.startswith(".git"):
                (tree / entry.name).symlink_to(entry)
        for name in SUITES:
            shutil.copytree(paths.ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for broken, mutation in (MUTATIONS | VERDICTS | JUDGES).items():
            if wanted not in broken:
                continue
            found = noticed(tree, mutation)
            unnoticed += found is None
            print(f"{broken}: {found or 'NO TEST NOTICES'}", flush=True)  # noqa: T201  a command's output
    return unnoticed


def noticed(tree: Path, mutation: Mutation) -> str | None:
    """The first unit test that fails with the mutation in place."""
    file = tree / mutation.file
    original = file.read_text()
    file.write_text(mutation.applied(original))
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-p",
                "no:cacheprovider",
                *SUITES[mutation.file.partition("/")[0]],
            ],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(original)
    failed = re.search(r"^(?:FAILED|ERROR) \S*?([\w.]+\.py\S*)", done.stdout, re.MULTILINE)
    return failed[1] if failed else None


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
