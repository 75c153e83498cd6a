"""The rules behind predictions, one sentence each: what a person learns from a prediction that was wrong.

Most belong to what is read (`Probe.why`); a prediction has one of its own where its scenario is about another rule. A
rule of AWS's names the page that states it.
"""

# Of what is read
PROCESSED = "An order is processed at the first receive that nothing makes fail."
ONCE = "Key and effect are one transaction: whoever comes second finds the key, and has no effect."
SECONDS = "Without a retry an order takes a poll, an invocation and a transaction: seconds at most."
QUEUED = "A message stays in the queue until an invocation that ended well does not report it as failed."
DEATH = "A message dies at once of an error that no retry can mend, else with its last receive; a redrive takes it out."
CATEGORY = (
    "What breaks the schema is VALIDATION, else what contradicts itself PERMANENT: no retry mends either."
)
TYPE = "The type is the error's name: SchemaViolation, or LinesExceedAmount for lines that cost more than their order."
FIRST_RECEIVE = "An error that can never pass is not retried: the first receive is the last."
REDRIVE_COUNT = "A redrive adds 1 to a message's redriveCount, and a death keeps it."
POINTER = "The validator names the field by its JSON pointer, and the cause of death keeps that."
NO_CRITICAL = "Critical alarms tell of deaths and errors, and there were none."
TOLD_ONCE = (
    'An alarm acts when its state changes, not at every evaluation (CloudWatch User Guide, "Alarm actions").'
)
ALARMS = {
    "critical-dlq-depth": "The alarm rings at one message in the DLQ, hidden or not: a count of what was sent there "
    'would miss redrives and moves (SQS Developer Guide, "Available CloudWatch metrics").',
    "critical-worker-errors": "The alarm looks at the share of the worker's invocations that ended badly: more than "
    "5 % are too many, and one of a few is more.",
    "warning-throttles": "The alarm looks at the refused invocations of the worker: one is too many.",
}
COUNTED = "The function writes one log line and one metric for each of these events."
CIRCUIT = "A circuit opens after seven failures in a row, and closes at the first success of a half-open one."
METRICS = {
    "CircuitsOpened": CIRCUIT,
    "CircuitsClosed": CIRCUIT,
    "FailedTimeout": "A deadline that is missed fails the receive, and each is counted as TIMEOUT.",
    "FailedTransient": "A refusal fails a receive as TRANSIENT; an open circuit does so without asking the service.",
    "OrdersDuplicate": "A receive that finds a completed key has no effect, and announces only what is still missing.",
}
LAMBDA = {
    "Errors": "Errors counts invocations that ended badly, such as at their timeout; a message that was reported as "
    'failed is none (Lambda Developer Guide, "Types of metrics for Lambda functions").',
    "Throttles": "A reserved concurrency of 0 refuses every invocation, and each is a throttle "
    '(Lambda Developer Guide, "Configuring reserved concurrency").',
}
SQS = {
    "NumberOfMessagesSent": "Each accepted order is sent as one message.",
    "NumberOfMessagesDeleted": "Lambda deletes the messages of a batch that its response does not report as failed "
    '(Lambda Developer Guide, "Handling errors for an SQS event source").',
}
ANNOUNCED = "Each outcome, success or death, is announced on the bus; repetitions carry the same eventId."
ANSWERS = {
    202: "The API answers 202 once SQS has the message, whatever becomes of it then.",
    422: "The API checks the schema before anything is queued, and answers 422 with the reason.",
}
EDITED = (
    "An edit sends the letter's order with a new body, under its own id and key, and then deletes the letter."
)
CORRUPT = "A dead letter holds the body that died, so what is wrong with it can be seen and edited."
REDRIVE = {
    "status": "A canary that dies again halts the redrive: the others would die of the same.",
    "moved": "A redrive moves what its filters name and what has not died after a redrive before, unless forced.",
    "skipped.filtered": "What a redrive's filters do not name is passed over and counted as filtered.",
    "skipped.secondDeath": "A redriveCount above 0 tells of a death after a redrive: it is skipped unless forced.",
}
NO_SOURCE = (
    "Without a destination a task returns messages to the queue that SQS moved them from, and the worker sent these "
    'itself (SQS API Reference, "StartMessageMoveTask").'
)
MOVE_TASK = {
    "Status": NO_SOURCE,
    "FailureReason": NO_SOURCE,
    "ApproximateNumberOfMessagesMoved": "A move task has no filter; what dies again while it runs is moved again "
    '(SQS Developer Guide, "Configuring a dead-letter queue redrive").',
}

# Of single scenarios
KEPT = "What was processed before stays so; an order under the fault has no effect."
NO_FAILURE = "Without a failing dependency or a bad order no receive fails."
NEIGHBOURS = (
    "Only the failed messages are reported in the batch's response, so the others are done "
    '(Lambda Developer Guide, "Implementing partial batch responses").'
)
PAST_THE_API = "The worker checks the schema again: what came past the API dies there."
TOO_EARLY = "The redrive moved them while their cause was still there, so they died again."
DIED_TWICE = "Each order died twice, and each death is counted."
NOTHING_MOVED = "A task that finds no source moves nothing."
HOPELESS = "The worker is rolled back, the contradiction stays: moved unchanged, these die again."
STILL_CORRUPT = (
    "The cause of death is in the letter itself, so a redrive brings it back unchanged, to die again."
)
ONE_CANARY = "One canary is sent ahead, and nothing follows a canary that died."
NO_TRACE = "SQS's own task writes nothing on a message, so that a second death looks like a first."
NOT_OURS = "The metric counts what the redrive function moved, and it moved nothing."
TWICE_SENT = (
    "The mode sends every accepted order twice; SQS may deliver any message twice as well "
    '(SQS Developer Guide, "At-least-once delivery").'
)
REFUSED = (
    "PutEvents answers 200 and tells in FailedEntryCount how many entries it did not take "
    '(EventBridge API Reference, "PutEvents").'
)
ONLY_REFUSED = "What the bus took the first time is not sent again: no event comes twice."
NOT_REPEATED = "Entries are sent again within the invocation: no message goes back to the queue for it."
HIDDEN = (
    "A message that met the open circuit stays hidden for the recovery time at least, with receives to spare."
)
NONE_KILLS = "With `none` an open circuit is a failure like any other: five receives pass within the outage."
OUTLASTS = (
    "Hidden three times as long after each receive, an order outlasts the outage with receives to spare."
)
PAUSES = "When the circuit opens, the pauser disables the event source mapping."
RESUMES = "A hidden message in a queue of the pauser's own enables the mapping when its time has come."
PATIENCE = "Five draws of 30 % in a row fail for one order in 400: nearly all pass within their receives."
BY_CHANCE = "Thirty orders need about 43 receives, of which 30 % fail: 13, give or take chance."
DRAWN = "The draw depends on the seed, the key and the receive count alone, so it can be made again."
WAITS = "A batch that could not be invoked returns to the queue after its visibility timeout."
FEW_THROTTLES = (
    "A throttled batch spends a receive of its messages; the fault ends before five are spent "
    '(Lambda Developer Guide, "Using Lambda with Amazon SQS").'
)
BACKLOG = "A queue holds what the worker cannot take yet, and nobody is turned away for it."
UNREAD = "Nobody reads the queue: it keeps what it is sent."
FIRST_COME = (
    "Without groups a queue hands out roughly what came first: who comes last waits for all the others."
)
FAIR = (
    "While one group has 30 messages and more than a tenth of all in flight, what waits of other groups is handed out "
    'first (SQS Developer Guide, "How Amazon SQS fair queues work").'
)
COMMITTED = "The effect is committed before its event is sent: it stands although the worker was killed."
SILENT = "The bus never took these events: its answer did not end."
KILLED = "A killed invocation acknowledges nothing: its messages come back."
