r"""Brings dead orders back: preview of the DLQ, filtered and bounded moves, and what became of what was moved.

A plan says which letters to take and how; its filters and limits are those of plan.schema.json. Names of error types
may be those of the original documentation. What is wrong with a plan is a ProblemError, which names every fault:

    >>> from functions.redrive.plan import plan_from
    >>> plan = plan_from({"errorType": "SchemaValidationError", "bodyContains": "Zürich", "maxMessages": 50})
    >>> plan.error_type, plan.min_age_seconds, plan.canary_messages
    ('SchemaViolation', 300, 3)

`judge` says of one letter, received at some time (epoch milliseconds), whether the plan takes it:

    >>> from functions.publish.envelope import Envelope
    >>> from functions.redrive.selection import judge
    >>> cause = {"errorType": {"DataType": "String", "StringValue": "SchemaViolation"}}
    >>> letter = Envelope("m-1", "handle", r'{"orderId":"o-1","sku":"Z\u00fcrich"}', cause, receive_count=1, sent_at=0)
    >>> judge(plan, letter, now_ms=299_999), judge(plan, letter, now_ms=300_000)
    (<Verdict.TOO_YOUNG: 'tooYoung'>, <Verdict.SELECTED: 'selected'>)

`functions.redrive.handler` serves GET /redrive/preview; POST /redrive/start, for which `mover.execute` moves the
letters; and GET /redrive/{id}, which tells the outcome.
"""
