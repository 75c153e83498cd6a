"""Letters as strangers write them: every field hostile."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from functions.common import codec
from functions.publish.envelope import Envelope

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
