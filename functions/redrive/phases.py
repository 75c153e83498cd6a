"""What moves when: canaries, the watch over them, the ramp, and the sweep after what an earlier invocation left."""

from collections import deque
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

from functions.publish.envelope import Envelope
from functions.publish.packing import MAX_ENTRIES
from functions.redrive.canary import Effects, choose
from functions.redrive.control import GUARD_SECONDS, Control, End, HaltReason, Invocation, StoppedError, halt
from functions.redrive.crash import Step
from functions.redrive.dlq import CONCURRENCY, WAIT_SECONDS
from functions.redrive.fingerprint import fingerprint
from functions.redrive.operations import Phase
from functions.redrive.plan import MAX_MESSAGES, Plan
from functions.redrive.search import MAX_HELD, Search
from functions.redrive.transfer import Transfer, cause_of, name_of

FIRST_STEP = MAX_ENTRIES
LARGEST_STEP = CONCURRENCY * MAX_ENTRIES
"""The ramp doubles from the first step to the largest; each step is one round of concurrent batch calls."""

WATCH_SECONDS = 0.1


@dataclass(kw_only=True)
class Phases:
    """The phases of one operation, begun or gone on with. Every method ends early where Control says so.

    Times in seconds, `requested_at` in epoch milliseconds; `reached` is told of every step.
    """

    plan: Plan
    control: Control
    search: Search
    transfer: Transfer
    effects: Effects
    invocation: Invocation
    requested_at: int
    canary_seconds: int
    reached: Callable[[Step], None]
    _died: list[Envelope] = field(default_factory=list[Envelope])
    _new_deaths: list[Envelope] = field(default_factory=list[Envelope])
    _looked_at: float = 0
    _judged: int = 0

    def __post_init__(self) -> None:
        self._progress = self.control.progress
        self._counts = self.control.progress.counts
        self._inherited = frozenset(self._counts.in_doubt)
        self._moved_before = self._counts.moved

    def run(self) -> None:
        """Move until everything that the plan selects has been moved."""
        while self._progress.phase is Phase.CANARY:
            self.control.checkpoint()
            self._send_canaries()
        if self._progress.phase is Phase.WATCHING:
            self._watch()
        self._ramp()
        self._sweep()
        self._progress.complete = self.search.exhausted and not self.search.full
        if self.search.full and self._room > 0:
            raise StoppedError(
                End.INCOMPLETE, f"no more than {MAX_HELD} letters can be looked through at once"
            )

    def _send_canaries(self) -> None:
        """Record canaries, then send them: whoever repeats this step sends the same. Without any the ramp begins."""
        wanted = min(self.plan.canary_messages, self._room)
        intended = {canary.letter_id for canary in self._progress.canaries}
        self._gather(wanted, intended)
        ready = self.search.ready
        chosen = [envelope for envelope in ready if envelope.message_id in intended]
        chosen = chosen or choose(list(ready), wanted)
        if not chosen:
            self._progress.phase = Phase.RAMP
            return
        self._progress.canaries = [self.transfer.moved(envelope) for envelope in chosen]
        self.control.record()
        self.control.stop_if_cancelled()
        self.search.ready = deque(envelope for envelope in ready if envelope not in chosen)
        self._move(chosen, canaries=True)
        # Refused for what they are: the next ones are the canaries. Refused for anything else, all would be.
        if self._progress.phase is Phase.CANARY and self.transfer.trouble:
            halt(HaltReason.CANARY_UNSENT, self.transfer.trouble)

    def _watch(self) -> None:
        """Wait until every canary has its effect; halt if one died again, or if the time is up."""
        self.reached(Step.WATCHING)
        waiting = list(self._progress.canaries)
        deadline = max(self._progress.canary_deadline, self.search.await_until, self.invocation.clock())
        while True:
            if self._died:
                halt(HaltReason.CANARY_DIED, f"{name_of(self._died[0])}, {cause_of(self._died[0])}")
            self._halt_if_the_group_dies_on()
            waiting = [canary for canary in waiting if not self.effects.has(canary)]
            if not waiting:
                self._progress.phase = Phase.RAMP
                self.control.checkpoint()
                return
            self.control.checkpoint()
            # Searching goes on meanwhile, and to the end, also where an invocation takes over after the deadline:
            # a canary that died again is somewhere among the dead letters.
            found = self._receive(1, wait_seconds=0)
            late = self.invocation.clock() - deadline
            if not self._died and (late > self.canary_seconds or (late > 0 and not found)):
                halt(HaltReason.CANARY_UNSEEN, f"order {waiting[0].order_id}")
            if not found:
                self.invocation.sleep(WATCH_SECONDS)

    def _ramp(self) -> None:
        step, rate = FIRST_STEP, self.plan.rate_per_second
        began, before = self.invocation.clock(), self._counts.moved
        while self._room > 0:
            step_now = min(step, self._room, rate or step)
            self._gather(step_now)
            self._look_for_new_deaths()
            self.control.checkpoint()
            chosen = self.search.take(step_now)
            if not chosen:
                return
            self._move(chosen, canaries=False)
            step = min(2 * step, LARGEST_STEP)
            if rate and self._room > 0:
                due = began + (self._counts.moved - before) / rate
                self.invocation.sleep(max(0.0, due - self.invocation.clock()))

    def _look_for_new_deaths(self) -> None:
        """Look on, once in GUARD_SECONDS, although enough letters are at hand; halt if the group dies on."""
        if self.plan.names_what_dies and self.invocation.clock() - self._looked_at >= GUARD_SECONDS:
            self._looked_at = self.invocation.clock()
            self._receive(1, wait_seconds=0)
        self._halt_if_the_group_dies_on()

    def _halt_if_the_group_dies_on(self) -> None:
        if self._new_deaths:
            first = self._new_deaths[0]
            halt(HaltReason.NEW_DEATH, f"{name_of(first)}, {cause_of(first)}")

    def _sweep(self) -> None:
        """Find what an earlier invocation had moved and not deleted, as long as there is more in the queue."""
        while self.search.missing(self._inherited) and not self.search.exhausted:
            self._receive(LARGEST_STEP)
            self.control.checkpoint()
        if not self.search.full:
            # Not there any more: what was not recorded is their deletion.
            self._counts.in_doubt -= self.search.missing(self._inherited)

    @property
    def _room(self) -> int:
        return self.plan.max_messages - self._counts.moved

    def _gather(self, wanted: int, named: Set[str] = frozenset()) -> None:
        """Receive until so many are ready, or as many as fit, and these ids were seen, or the queue is exhausted."""
        while not self.search.exhausted and (
            ((missing := wanted - len(self.search.ready)) > 0 and not self.search.crowded)
            or self.search.missing(named)
        ):
            self._receive(missing)
            self.control.checkpoint()
        self.reached(Step.RECEIVED)

    def _receive(self, wanted: int, wait_seconds: int = WAIT_SECONDS) -> int:
        """Returns how many letters were new."""
        new = self.search.receive(wanted, wait_seconds)
        self._judged += sum(envelope.sent_at <= self.requested_at for envelope in new)
        self._progress.seen = max(self._progress.seen, self._moved_before + self._judged)
        self.transfer.start_deleting(envelope for envelope in new if envelope.message_id in self._inherited)
        self._died += [envelope for envelope in new if self._is_canary_that_died(envelope)]
        self._new_deaths += [envelope for envelope in new if self._is_new_death(envelope)]
        self._progress.new_deaths = max(self._progress.new_deaths, len(self._new_deaths))
        return len(new)

    def _is_canary_that_died(self, envelope: Envelope) -> bool:
        after_the_request = envelope.sent_at > self.requested_at
        return after_the_request and any(canary.died_as(envelope) for canary in self._progress.canaries)

    def _is_new_death(self, envelope: Envelope) -> bool:
        """Whether the group under redrive goes on dying, or what this operation has edited died of anything."""
        if envelope.sent_at <= self.requested_at:
            return False
        of_the_group = self.plan.fingerprint is not None and fingerprint(envelope) == self.plan.fingerprint
        return of_the_group or self.transfer.edits.made(envelope)

    def _move(self, chosen: Sequence[Envelope], *, canaries: bool) -> None:
        """Send, record, delete."""
        already = self._counts.moved
        pairs, refused = self.transfer.send(chosen, delayed=not canaries)
        sent, moved = [letter for letter, _ in pairs], [message for _, message in pairs]
        self.search.hold(refused)
        if canaries:
            self._progress.canaries = [self.transfer.moved(envelope) for envelope in sent]
        if canaries and sent:
            self._progress.canary_deadline = self.invocation.clock() + self.canary_seconds
            self._progress.phase = Phase.WATCHING
        self.reached(Step.SENT)
        recorded = False
        try:
            self.control.record(moved, already)
            recorded = True
            self.reached(Step.RECORDED)
        finally:
            if self.transfer.collect_deletes():
                self.reached(Step.DELETED)
            if canaries and not recorded:
                self.search.hold(sent)
            else:
                # Also when nothing could be recorded, the lease is lost or the operation cancelled: these messages
                # are on their way. Deleting goes on beside the next receives.
                self.transfer.start_deleting(sent)
        self.control.stop_if_cancelled()
        if self._counts.not_sent >= MAX_MESSAGES:
            halt(HaltReason.UNSENT, self._counts.refusals[0]["reason"])
