"""What a challenge's handler has to keep, as rules on its history: each with the AWS rule behind it and its source."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from lab.history.events import Event, History, Kind, Source
from lab.history.places import ledger_of
from lab.history.rules import Breach, Rule, Ways, one_effect, one_place

SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg"

MOST_FAILED_CALLS = 40
"""Of a bus that is down: who goes on calling makes one a receive of each message, and more for each retry."""


def group_of(customer: int) -> str:
    """The id of a customer, which is the group of its messages, too, where a queue has groups."""
    return f"customer-{customer}"


@dataclass(frozen=True)
class Promise:
    """A rule, and what AWS documents that explains a breach of it.

    What breaks it `for_good` nothing can mend. Whether a `timed` one is kept depends on the machine's speed, too.
    """

    rule: Rule
    because: str
    source: str
    for_good: bool = True
    timed: bool = False


def _poison(ways: Ways) -> set[str]:
    return {
        str(event.order_id) for event in ways.history.of(Kind.ACCEPTED) if event.facts.get("poison") is True
    }


def _good(ways: Ways) -> list[str]:
    return sorted(ways.accepted - _poison(ways))


def _settled(ways: Ways) -> Iterator[Breach]:
    ledger = ledger_of(ways.history)
    for order_id in (*ledger.waiting, *ledger.unknown):
        tried = ways.of(order_id, Kind.RECEIVED, Kind.ENDED)
        yield Breach(order_id, "it was not at its end when the time was up", tried[-2:])


def _good_live(ways: Ways) -> Iterator[Breach]:
    for order_id in _good(ways):
        if letters := ways.of(order_id, Kind.LETTER_FOUND):
            tried = ways.of(order_id, Kind.RECEIVED, Kind.ENDED, Kind.ANSWERED)
            yield Breach(order_id, "it could have passed, and is in the DLQ", [*tried, *letters])


def _poison_dead(ways: Ways) -> Iterator[Breach]:
    for order_id in sorted(_poison(ways)):
        if effects := ways.of(order_id, Kind.EFFECT, Kind.ROW_FOUND):
            yield Breach(order_id, "it can never pass, and has an effect", effects)


def _poison_at_once(ways: Ways) -> Iterator[Breach]:
    for order_id in sorted(_poison(ways)):
        letters, receives = ways.of(order_id, Kind.LETTER_FOUND), ways.of(order_id, Kind.RECEIVED)
        if len(receives) > 1:
            yield Breach(order_id, f"it can never pass, and was received {len(receives)} times", receives)
        elif any(not letter.facts.get("errorType") for letter in letters):
            yield Breach(
                order_id, "its dead letter has no attribute errorType: nobody knows why it died", letters
            )


def _neighbours_spared(ways: Ways) -> Iterator[Breach]:
    """Of a batch that failed although its handler came to an end, only what cannot pass comes back."""
    for order_id in _good(ways):
        failed = [event for event in ways.of(order_id, Kind.ANSWERED) if event.facts.get("willRetry")]
        raised = [
            event for event in ways.of(order_id, Kind.ENDED) if "raised" in str(event.facts.get("reason"))
        ]
        if guilty := failed + raised:
            again = [event for event in ways.of(order_id, Kind.RECEIVED) if event.time >= guilty[0].time][:1]
            yield Breach(
                order_id, "nothing was wrong with it, and it was failed with its batch", guilty[:1] + again
            )


def _no_lost_invocation(ways: Ways) -> Iterator[Breach]:
    seen: set[str | None] = set()
    for event in ways.history.of(Kind.ENDED):
        reason = str(event.facts.get("reason"))
        if event.invocation not in seen and not reason.startswith(("raised", "killed")):
            seen.add(event.invocation)
            order_id = ways.order_of(event) or ""
            received = [
                each for each in ways.of(order_id, Kind.RECEIVED) if each.invocation == event.invocation
            ]
            yield Breach(order_id, f"its invocation {reason}", [*received, event])


def _announced(ways: Ways) -> Iterator[Breach]:
    for order_id in _good(ways):
        done = ways.of(order_id, Kind.EFFECT, Kind.ROW_FOUND)
        if done and not ways.of(order_id, Kind.ANNOUNCED):
            yield Breach(order_id, "its effect is there, and no event of it came through the bus", done[:1])


def _announced_once(ways: Ways) -> Iterator[Breach]:
    """A call without an answer may have been taken: whoever puts its events again does right."""
    unanswered = sum(event.facts.get("failed") is True for event in ways.history.of(Kind.CALLED))
    for order_id in _good(ways):
        told = ways.of(order_id, Kind.ANNOUNCED)
        if len(told) - 1 > unanswered:
            yield Breach(order_id, f"its event came through the bus {len(told)} times", told)


def _left_alone(ways: Ways) -> Iterator[Breach]:
    calls = [event for event in ways.history.of(Kind.CALLED) if event.facts.get("failed")]
    if len(calls) > MOST_FAILED_CALLS:
        last = calls[MOST_FAILED_CALLS]
        yield Breach("", f"{len(calls)} calls of a bus that was down", [calls[0], last])


def _in_order(ways: Ways) -> Iterator[Breach]:
    """Of each customer's orders, an effect that ran before that of an order which was sent earlier."""
    sent = [event for event in ways.history.of(Kind.ACCEPTED) if event.order_id not in _poison(ways)]
    first = {
        order_id: effects[0] for order_id in ways.accepted if (effects := ways.of(order_id, Kind.EFFECT))
    }

    def customer(event: Event) -> str:
        return str(event.facts.get("customer"))

    for _, events in groupby(sorted(sent, key=customer), key=customer):
        done = [(str(event.order_id), first[event.order_id]) for event in events if event.order_id in first]
        for (early, before), (late, after) in pairwise(done):
            if after.time < before.time:
                why = f"its effect came after that of {late}, which its customer sent later"
                yield Breach(early, why, [*ways.of(early, Kind.RECEIVED, Kind.NEMESIS)[:2], after, before])


def _in_its_group(ways: Ways) -> Iterator[Breach]:
    for event in ways.history.of(Kind.ACCEPTED):
        order_id, group = str(event.order_id), group_of(int(event.facts["customer"]))
        seen = ways.of(order_id, Kind.RECEIVED, Kind.LETTER_FOUND)
        if strays := [each for each in seen if each.facts.get("group") != group]:
            stray = strays[0].facts.get("group")
            where = f"in the group {stray}" if stray else "in no group"
            yield Breach(order_id, f"its message is {where}, and its customer is {group}", [event, strays[0]])


def unreceived(history: History) -> list[Event]:
    """The messages that have left the queue, while no invocation told of a receive, and that are in no DLQ."""
    if history.queued:
        return []
    seen = {event.message_id or event.letter for event in history.of(Kind.RECEIVED, Kind.LETTER_FOUND)}
    return [event for event in history.of(Kind.SENT) if event.message_id not in seen]


def _in_the_open(ways: Ways) -> Iterator[Breach]:
    for sent in unreceived(ways.history):
        why = "its message has left the queue, and no invocation has told of it"
        yield Breach(str(sent.order_id), why, [sent])
    for order_id in sorted(ways.accepted):
        if ways.of(order_id, Kind.ENDED) or any(
            answer.facts.get("willRetry") for answer in ways.of(order_id, Kind.ANSWERED)
        ):
            continue  # a call that was given up may still come to its end: its message comes back
        effects, rows = ways.of(order_id, Kind.EFFECT), ways.of(order_id, Kind.ROW_FOUND)
        if late := [event for event in effects if event.facts.get("late")]:
            answered = ways.of(order_id, Kind.RECEIVED, Kind.ANSWERED)
            yield Breach(order_id, "its effect came outside of its invocation", [*answered, *late])
        elif rows and not effects:
            calls = ", ".join(SEEN_WRITES)
            yield Breach(order_id, f"its row is there, and no {calls} of an invocation has written it", rows)


SEEN_WRITES = ("PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems")
"""The calls in which the witness sees an effect, and in which the nemesis can meet it."""

_SEEN = frozenset({Source.CLIENT, Source.LOGS, Source.ORDERS, Source.LETTERS})

ONE_EFFECT = Promise(
    Rule("one effect", "The effect of an order happens once.", _SEEN, one_effect),
    "A standard queue delivers at least once, and a message that was not deleted comes back: a handler has to be "
    "idempotent.",
    f"{SQS}/standard-queues-at-least-once-delivery.html",
)
ONE_PLACE = Promise(
    Rule("one place", "Every order is done or in the DLQ, and not in both.", _SEEN, one_place),
    "Lambda deletes every message of a batch that the function does not report as failed, whatever it did with it.",
    f"{LAMBDA}/services-sqs-errorhandling.html",
    for_good=False,
)
SETTLED = Promise(
    Rule("settled", "Every order comes to its end in time.", _SEEN, _settled),
    "A message that is received and not deleted is hidden until its visibility timeout has passed.",
    f"{SQS}/sqs-visibility-timeout.html",
    for_good=False,
    timed=True,
)
GOOD_LIVE = Promise(
    Rule("good orders live", "No order that can pass dies.", _SEEN, _good_live),
    "SQS counts receives, whatever happened in them, and moves a message to the DLQ when they exceed maxReceiveCount.",
    f"{SQS}/sqs-dead-letter-queues.html",
    timed=True,
)
POISON_DEAD = Promise(
    Rule("poison has no effect", "An order that can never pass has no effect.", _SEEN, _poison_dead),
    "Whatever can be sent to the queue reaches the function: a queue checks no message's content.",
    f"{LAMBDA}/with-sqs.html",
)
POISON_AT_ONCE = Promise(
    Rule(
        "poison at once",
        "An order that can never pass is in the DLQ after one receive, with the attribute errorType.",
        _SEEN,
        _poison_at_once,
    ),
    "SQS moves a message to the DLQ when its receives are spent, and adds no reason: until then it takes part in "
    "batches again and again.",
    f"{SQS}/sqs-dead-letter-queues.html",
    timed=True,
)
NEIGHBOURS = Promise(
    Rule("neighbours are spared", "What fails, fails alone.", _SEEN, _neighbours_spared),
    "A function that raises fails its whole batch, and so does an itemIdentifier that is no message id of the batch.",
    f"{LAMBDA}/services-sqs-errorhandling.html",
)
NO_LOST_INVOCATION = Promise(
    Rule("no invocation is lost", "No invocation runs out of time or memory.", _SEEN, _no_lost_invocation),
    "Lambda ends a function at its time-out, and nothing of its answer counts: the whole batch comes back.",
    f"{LAMBDA}/configuration-timeout.html",
    timed=True,
)
ANNOUNCED = Promise(
    Rule("announced", "Every effect is announced on the bus.", _SEEN | {Source.TOPIC}, _announced),
    "PutEvents answers 200 although entries failed: FailedEntryCount and each entry's ErrorCode say which.",
    "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html",
    for_good=False,
    timed=True,
)
ANNOUNCED_ONCE = Promise(
    Rule(
        "announced once",
        "An event that the bus has taken is not put again.",
        _SEEN | {Source.TOPIC},
        _announced_once,
    ),
    "PutEvents answers 200 although entries failed: only those with an ErrorCode were not taken.",
    "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html",
)
LEFT_ALONE = Promise(
    Rule(
        "left alone",
        f"A bus that is down is called {MOST_FAILED_CALLS} times at most.",
        _SEEN,
        _left_alone,
    ),
    "With partial batch responses Lambda does not slow its polling when messages fail: nobody but the handler spares "
    "its dependency.",
    f"{LAMBDA}/services-sqs-errorhandling.html",
)
IN_ORDER = Promise(
    Rule(
        "in order",
        "Each customer's orders take effect in the order in which they were sent.",
        _SEEN,
        _in_order,
    ),
    "For a FIFO queue the function has to stop at the first failure, and to report it and all that is behind it, or "
    "the order of the group is lost.",
    f"{LAMBDA}/services-sqs-errorhandling.html",
)
IN_ITS_GROUP = Promise(
    Rule(
        "in its group", "Every message stays in its customer's group, in the DLQ, too.", _SEEN, _in_its_group
    ),
    "A fair queue tells tenants apart by MessageGroupId alone, and a message that a function sends has the group that "
    "the function gives it.",
    f"{SQS}/sqs-fair-queues.html",
)
IN_THE_OPEN = Promise(
    Rule(
        "in the open",
        "Every effect happens within its invocation, by a call of boto3 that is seen.",
        _SEEN,
        _in_the_open,
    ),
    "Lambda freezes the environment once the handler has answered: what goes on in the background may never end.",
    f"{LAMBDA}/lambda-runtime-environment.html",
    for_good=False,
)

ALWAYS = (IN_THE_OPEN, SETTLED)
"""What every challenge asks."""
