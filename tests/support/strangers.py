"""Letters as strangers write them: every field hostile."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from functions.common import codec
from functions.publish.envelope import Envelope
from lab.pipeline.observe import Pipeline

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

TEXTS = (
    "[/red]x",
    "[link=file:///etc/passwd]x[/link]",
    "[bold red on white]:skull:",
    "\x1b[2J\x1b]8;;file:///etc/passwd\x07x",
    "\x9b31mx",
    "abc\u202egpj.exe",
    "a\u200bb\ufeffc",
    "\ud800",
    "a\x00b",
    "one\nerror: two\r\n  fix: three",
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "{{7*7}}%{x}&lt;",
    '=HYPERLINK("http://evil.example")',
    "é" * 3000,
    "",
)
"""What would be obeyed, hide something, or have no encoding."""

DEEP = "[" * 5000 + "]" * 5000
NUMBERS = (
    "1e400",
    "9" * 100,
    "9" * 4000,
    "-5",
    "0",
    "1e5",
    "-1e-400",
    "253402300800000",
    "1.5",
    "true",
    "null",
)

texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(), max_size=12))
_json = st.one_of(
    st.sampled_from(NUMBERS),
    texts.map(codec.dumps),
    st.sampled_from(("[]", '["x"]', '{"a":1}', f"[{','.join(['"x"'] * 50)}]", DEEP)),
)
_lineages = st.one_of(
    st.dictionaries(
        st.sampled_from(("acceptedAt", "history", "requeues", "edited", "foreign", "other")), _json
    ).map(
        lambda fields: "{" + ",".join(f"{codec.dumps(name)}:{value}" for name, value in fields.items()) + "}"
    ),
    texts,
    st.sampled_from(("5", "[]", "null", DEEP)),
)
_times = st.sampled_from(
    (
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-02-30T00:00:00",
        "now",
    )
)
_bodies = st.one_of(
    texts.map(lambda text: codec.dumps({"orderId": text, "amount": 5})),
    st.sampled_from(NUMBERS).map(lambda number: f'{{"orderId":"o","amount":{number}}}'),
    texts,
    st.just('{"orderId":"deep","x":' + DEEP + "}"),
)


def text(value: str) -> dict[str, Any]:
    """A String attribute."""
    return {"DataType": "String", "StringValue": value}


def number(value: str) -> dict[str, Any]:
    """A Number attribute."""
    return {"DataType": "Number", "StringValue": value}


_binaries = st.binary(max_size=8).map(lambda value: {"DataType": "Binary", "BinaryValue": value})
_attributes = st.fixed_dictionaries(
    {},
    optional={
        **{
            name: st.one_of(texts.map(text), _binaries)
            for name in (
                "correlationId",
                "idempotencyKey",
                "errorType",
                "errorCategory",
                "errorMessage",
                "codeVersion",
            )
        },
        "lineage": st.one_of(_lineages.map(text), _binaries),
        "redriveCount": st.one_of(st.sampled_from(NUMBERS).map(number), _binaries),
        "receiveCount": st.sampled_from(NUMBERS).map(number),
        "failedAt": st.one_of(_times, texts).map(text),
        "x-foreign": texts.map(text),
    },
)


def letter(body: str, attributes: Mapping[str, Any], message_id: str = "0123abcd-4567") -> Envelope:
    """A dead letter as a receive finds it."""
    given: Any = attributes
    return Envelope(message_id, "handle", body, given, receive_count=3, sent_at=1_700_000_000_000)


letters = st.builds(letter, _bodies, _attributes)


LETTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "markup": (
        '{"orderId":"x","amount":1}',
        {
            "errorType": text("[/red][link=file:///etc/passwd]x"),
            "errorMessage": text("[bold]x[/nope]"),
            "errorCategory": text("[red]"),
            "correlationId": text("[/b]c"),
        },
    ),
    "terminal": ('{"orderId":"\u202egpj\u009b31m","amount":1}', {"errorType": text("\u009b2J\u200b")}),
    "page": (
        '<img src=x onerror="alert(1)">',
        {"errorType": text("</script><script>alert(1)</script>"), "x": text("%{y}")},
    ),
    "half a surrogate pair": ('{"orderId":"\\ud800","amount":5}', {}),
    "control characters": ('{"orderId":"a\\u0000b\\u001b[2J\\ufffe\\ud83d\\ude00","amount":5}', {}),
    "quotes": ('{"orderId":"a\\"b\\\\","amount":5}', {"errorType": text("X")}),
    "odd lineage": (
        '{"orderId":"odd","amount":-1}',
        {
            "lineage": text(
                '{"acceptedAt":1e400,"history":5,"requeues":"x","edited":5,"foreign":[1]}',
            ),
            "errorType": text("X"),
        },
    ),
    "huge lineage": (
        '{"orderId":"huge","amount":-1}',
        {"lineage": text(f'{{"acceptedAt":1{"0" * 100},"history":{{"a":1}}}}'), "errorType": text("X")},
    ),
    "deep": ('{"orderId":"deep","x":' + DEEP + "}", {"lineage": text(f'{{"history":{DEEP}}}')}),
    "digits": (f'{{"orderId":"digits","amount":{"9" * 5000}}}', {"redriveCount": number("-5")}),
    "binary": (
        '{"orderId":"binary","amount":-1}',
        {
            name: {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
            for name in ("errorType", "correlationId", "lineage", "redriveCount")
        },
    ),
    "long": ('{"orderId":"long","amount":-1}', {"correlationId": text("é" * 3000)}),
    "ends of time": (
        '{"orderId":"time","amount":-1}',
        {"failedAt": text("0001-01-01T00:00:00+14:00"), "errorType": text("X")},
    ),
}
"""Letters that SQS takes, by what is hostile in each: body and message attributes."""


def send(pipeline: Pipeline) -> dict[str, str]:
    """Put `LETTERS` into the DLQ. Returns the message id of each."""
    sqs: SQSClient = pipeline.aws.client("sqs")
    url = pipeline.stack.dlq_url
    return {
        name: sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)["MessageId"]
        for name, (body, attributes) in LETTERS.items()
    }
