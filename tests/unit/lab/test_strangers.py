"""What strangers wrote is shown as text by every command: none obeys it, none ends in a traceback."""

import contextlib
import io
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.common import codec
from functions.publish.envelope import Envelope, from_lambda
from functions.redrive.forecast import DryRunFunction, Forecasts
from functions.redrive.plan import Plan, plan_from
from functions.redrive.preview import preview
from lab import cli
from lab.commands import dlq as dlq_cli
from lab.commands import look
from lab.commands import trace as trace_cli
from lab.common import paths
from lab.common.output import Terminal, shown, utc
from lab.dlq import repair
from lab.dlq.browser import Browsed
from lab.errors import LabError
from lab.trace import Evidence
from lab.trace.collector import Line, Span
from tests.support.dry_runs import dry_run
from tests.support.printing import obeyed, run
from tests.support.strangers import TEXTS, letter, letters, text, texts

OPERATION = "7d0e4b1e"


class Queue:
    """A DLQ that holds these letters, as the redrive function receives them."""

    def __init__(self, held: Sequence[Envelope]) -> None:
        self._batches = [list(held)]

    def receive(self, visibility_seconds: int, wait_seconds: int = 1) -> list[Envelope]:
        return self._batches.pop() if self._batches else []

    def release(self, envelopes: Sequence[Envelope]) -> None:
        """Nothing is hidden here."""

    def delete(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        return list(envelopes)

    def depth(self) -> int:
        return len(self._batches)

    def retention_seconds(self) -> int:
        return 1_209_600


class Reader:
    """The parts of a pipeline, a DLQ browser and an API that the commands ask, with these letters behind them."""

    def __init__(self, *held: Envelope) -> None:
        self.held = list(held)
        self.rows: list[Any] = []
        self.aws = self.stack = self
        self.redrive_table_name = "redrive"
        self.dry_run_function_name = "dry-run"

    def browse(self, limit: int) -> Browsed:
        return Browsed(self.held, complete=True)

    def each(self, limit: int, heard: Callable[[Sequence[Envelope]], None], told: object = None) -> bool:
        heard(self.held)
        return True

    def retention_seconds(self) -> int:
        return 1_209_600

    def batch_get_item(self, **_: Any) -> Any:
        return {"Responses": {}}

    @contextlib.contextmanager
    def take(self, name: str) -> Generator[Envelope]:
        yield self.held[0]

    def delete(self, envelope: Envelope) -> None:
        """It stays."""

    def client(self, service: str) -> "Reader":
        return self

    def put_item(self, *, Item: Any, **_: Any) -> None:  # noqa: N803  boto3's names
        self.rows.append(json.dumps(Item, ensure_ascii=False).encode())  # what has no encoding fails here

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def preview(self, forecasts: Forecasts | None = None, **_: Any) -> Any:
        plan = plan_from({"minAgeSeconds": 0})
        return json.loads(codec.dumps(preview(Queue(self.held), plan, lambda: 30.0, forecasts)))

    def dry_run(self, **_: Any) -> Any:
        return self.preview(Forecasts(DryRunFunction(self, "dry-run"), lambda: 30.0))  # pyright: ignore[reportArgumentType]

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803  boto3's names
        envelopes = [from_lambda(record) for record in json.loads(Payload)["Records"]]
        forecasts = [forecast.as_json() for forecast in dry_run().forecast(envelopes)]
        answer = json.dumps({"codeVersion": FunctionName, "forecasts": forecasts})
        return {"Payload": io.BytesIO(answer.encode())}

    def start_redrive(self, **_: Any) -> str:
        return OPERATION

    def redrive(self, operation: str) -> dict[str, Any]:
        categories = {message.text("errorCategory") or "UNATTRIBUTED": 1 for message in self.held}
        outcome = {"processed": 1, "diedAgain": 0, "waiting": 0, "unknown": 0, "unrecorded": 0}
        return {
            "operationId": operation,
            "status": "SUCCEEDED",
            "moved": 1,
            "plan": Plan().as_json(),
            "byCategory": categories,
            "skipped": {},
            "seen": 1,
            "lettersAtStart": 1,
            "complete": True,
            "outcome": outcome,
        }


def evidence(held: Sequence[Envelope]) -> Evidence:
    """What a search would find of the first letter's order, in logs that quote it."""
    first = held[0]
    order = first.order_id or first.message_id
    fields = {
        "orderId": order,
        "correlation_id": first.correlation_id,
        "function_request_id": "r-1",
        **{name: first.text(name) for name in ("errorType", "errorCategory", "errorMessage")},
    }
    lines = [
        Line("worker", 10, fields | {"event": event}, json.dumps(fields))
        for event in ("order.failed", "order.dead_lettered", "order.rejected", "somebody.else")
    ]
    return Evidence(
        order,
        lines=lines,
        letters=list(held),
        spans=[Span("t", "s", "", order, order, 0, 1, True, order, {})],
    )


@contextlib.contextmanager
def behind(reader: Reader) -> Generator[None]:
    """The commands ask this reader for the duration of a `with` block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dlq_cli, "_pipeline", lambda _port, _env: reader)
        patch.setattr(dlq_cli, "_browser", lambda _pipeline: reader)
        patch.setattr(dlq_cli, "_api", lambda _pipeline: reader)
        patch.setattr(look, "connect", lambda _port, _env: (reader, ""))
        patch.setattr(look, "Api", lambda _aws, _stack: reader)
        patch.setattr(trace_cli, "connect", lambda _port, _env: (reader, ""))
        patch.setattr(trace_cli, "collect", lambda *_: evidence(reader.held))
        for module in (dlq_cli, look, trace_cli):
            patch.setattr(module, "console", Terminal(width=500))
        yield


COMMANDS: dict[str, tuple[str, ...]] = {
    "dlq ls": ("[/red]x", "\\x1b[31m\\u202e", "\\ud800"),
    "dlq ls --json": ("[/red]x", "\\ud800"),
    "dlq groups": ("[/red]x", "[link=*]x[/link]"),
    "dlq groups --json": ("[/red]x", "[link=*]x[/link]"),
    "dlq dry-run": ("[/red]x",),
    "dlq dry-run --json": (),
    "dlq stats": ("[/red]x", "\\x1b[31m\\u202e"),
    "dlq stats --json": ("[/red]x",),
    "dlq show 0123abcd": (
        "[/red]x",
        "[/b]c",
        "[link=file:///etc/passwd]x[/link]",
        '"acceptedAt":100',
        "\\ud800",
    ),
    "dlq show 0123abcd --json": ("[/red]x", "[/b]c", "\\ud800"),
    "dlq export -": ("[/red]x", "[/b]c", "\\ud800"),
    "dlq redrive --yes": ("[/red]x", "\\u001b[31m\\u202e"),
    "dlq redrive --yes --json": (),
    "dlq discard 0123abcd --yes --reason test": ("\\ud800",),
    "look dlq": ("[/red]x", "\\x1b[31m\\u202e", "[link=file:///etc/passwd]x[/link]"),
    "trace order-1 --lines": ("[/red]x", "[/b]c", "\\ud800"),
    "trace order-1 --json": ("[/red]x", "[/b]c", "\\ud800"),
}
"""Each command that shows something of a letter, and what is to be read in its output for `HOSTILE`."""

CODES = {"dlq dry-run": (0, 1, 3), "dlq dry-run --json": (0, 1, 3)}
"""The exit codes of commands for which they are an answer; all others say 0."""

HOSTILE = letter(
    codec.dumps({"orderId": "\ud800", "amount": 1}),
    {
        "errorType": text("[/red]x"),
        "errorCategory": text("\x1b[31m\u202e"),
        "errorMessage": text("[link=file:///etc/passwd]x[/link]"),
        "correlationId": text("[/b]c"),
        "lineage": text('{"acceptedAt":1' + "0" * 100 + ',"history":{"a":1}}'),
    },
)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_letter_with_markup_is_shown_as_text_on_any_terminal(command: str, encoding: str) -> None:
    with behind(Reader(HOSTILE)):
        code, printed = run(*command.split(), encoding=encoding)
    assert code in CODES.get(command, (0,)), printed
    assert "Traceback" not in printed
    assert obeyed(printed) == []
    assert [text for text in COMMANDS[command] if text not in printed] == []


@pytest.mark.parametrize("command", COMMANDS)
@settings(max_examples=25)
@given(st.lists(letters, min_size=1, max_size=3), st.sampled_from(("utf-8", "ascii")))
def test_no_letter_keeps_a_command_from_its_work(command: str, held: list[Envelope], encoding: str) -> None:
    """Property: whatever the letters are, it succeeds and prints nothing that a terminal would obey."""
    with behind(Reader(*held)):
        code, printed = run(*command.split(), encoding=encoding)
    assert code in CODES.get(command, (0,)), printed
    assert obeyed(printed) == []


@settings(max_examples=60)
@given(letters)
@example(HOSTILE)
def test_any_letter_can_be_repaired_or_is_refused_in_words(found: Envelope) -> None:
    """Property: a new body is taken, or a LabError says why not; what is compared can be shown and kept in a file."""
    with contextlib.suppress(LabError):
        repair.repaired(found, '{"orderId":"order-1","amount":1}', at=0, by="ann")
    from lab.dlq.show import difference, pretty

    assert difference(found.body, "{}").replace("\n", "").isprintable()
    with contextlib.suppress(UnicodeEncodeError):  # SQS itself lets no such body in
        found.body.encode()
        pretty(found.body).encode()


@given(st.text(st.characters(), max_size=30))
def test_shown_text_is_printable_and_printable_text_is_shown_unchanged(given_text: str) -> None:
    """Property: the result is printable and encodable; printable ASCII is unchanged; it is stable."""
    result = shown(given_text)
    assert result.isprintable()
    result.encode()
    assert shown(result) == result
    if given_text.isascii() and given_text.isprintable():
        assert result == given_text


@pytest.mark.parametrize(
    ("stranger", "seen"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b", "\\x9b"),
        ("\u202e", "\\u202e"),
        ("\u200b\ufeff\u00ad", "\\u200b\\ufeff\\xad"),
        ("\u3164\ufe0f\U000e0100", "\\u3164\\ufe0f\\U000e0100"),
        ("\ud800", "\\ud800"),
        ("a\nb\u2028c", "a\\nb\\u2028c"),
        ("[red]é😀", "[red]é😀"),
    ],
)
def test_an_invisible_character_is_shown_as_its_escape(stranger: str, seen: str) -> None:
    assert shown(stranger) == seen


@pytest.mark.parametrize("at", [-(10**100), 10**100, 10**15, -(10**15), 253_402_300_800_000])
def test_a_time_in_no_calendar_is_shown_as_its_number(at: int) -> None:
    assert utc(at) == str(at)


def test_a_time_is_shown_to_the_millisecond() -> None:
    assert utc(1_700_000_000_123) == "2023-11-14T22:13:20.123"


@pytest.mark.parametrize("stranger", TEXTS)
def test_an_error_that_quotes_a_stranger_is_two_lines(stranger: str) -> None:
    def command(**_: object) -> None:
        raise LabError(f"There is no {stranger}.", f"Give another than {stranger}.")

    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        assert cli.run(command) == 1
    lines = printed.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error", "  fix"]
    assert all(line.isprintable() for line in lines)


def test_a_stranger_cannot_forge_a_line() -> None:
    forged = letter(codec.dumps({"orderId": "a\nFORGED"}), {"correlationId": text("b\nFORGED")})
    with behind(Reader(forged)):
        for command in COMMANDS:
            _, printed = run(*command.split())
            assert [line for line in printed.splitlines() if line.startswith("FORGED")] == []


def printed_by(show: Callable[[Terminal], None]) -> str:
    out = io.StringIO()
    show(Terminal(file=out, width=80, force_terminal=True, color_system="truecolor", legacy_windows=False))
    return out.getvalue()


@pytest.mark.parametrize("stranger", TEXTS)
def test_a_terminal_obeys_nothing_wherever_a_string_stands(stranger: str) -> None:
    from rich.table import Table
    from rich.tree import Tree

    table = Table(title=stranger, caption=stranger)
    table.add_column(stranger, overflow="fold")
    table.add_row(stranger)
    tree = Tree(stranger)
    tree.add(stranger)

    def show(terminal: Terminal) -> None:
        terminal.say(stranger)
        terminal.print(table, tree)

    escapes = printed_by(show).split("\x1b")[1:]
    assert [escape for escape in escapes if not escape.startswith(("[0m", "[1m", "[2;3m", "[3m"))] == [], (
        "rich's own styles"
    )


def test_no_source_file_writes_terminal_markup() -> None:
    files = [file for folder in ("lab", "loadtests") for file in (paths.ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    assert [file.name for file in files if "[/]" in file.read_text()] == []


def test_the_progress_of_a_redrive_shows_a_status_as_text() -> None:
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr(
            dlq_cli, "console", Terminal(file=out, force_terminal=True, color_system=None, width=80)
        )
        with dlq_cli._bar(1, quiet=False) as advance:  # pyright: ignore[reportPrivateUsage]
            advance(1, "[/red]\x9b31m")
    assert "[/red]\\x9b31m" in out.getvalue()


def every_string(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
                yield from every_string(key)
                yield from every_string(inner)
        case list():
            for inner in value:  # pyright: ignore[reportUnknownVariableType]
                yield from every_string(inner)
        case _:
            pass


@given(texts)
def test_json_output_keeps_every_attribute_value_unchanged(stranger: str) -> None:
    """Property: scripts read back what the letter holds, although the line itself is plain ASCII."""
    with behind(Reader(letter("{}", {"errorType": text(stranger or "x")}))):
        code, printed = run("dlq", "ls", "--json")
    assert code == 0
    assert printed.isascii()
    assert (stranger or "x") in every_string(json.loads(printed))
