"""No table breaks a word that fits into a line; where words do not fit side by side, rows become lines of facts."""

import ast
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from functions.common import codec
from functions.publish.envelope import Envelope
from functions.redrive.groups import Groups
from functions.redrive.plan import Plan
from functions.redrive.triage import statistics
from lab import cli
from lab.commands import breakfix, challenge, cost, gameday, history, learn, logs, look, workshop
from lab.commands import scenario as scenario_commands
from lab.common import paths
from lab.common.clock import now_ms
from lab.common.grid import Facts, Grid
from lab.common.output import Terminal
from lab.common.progress import Step
from lab.common.results import Verdict, result_table
from lab.deployment import context
from lab.dlq import show as dlq
from lab.dlq.patch import Forecast
from lab.games.gameday import EXERCISES, ROLES
from lab.games.handin import Board, Score, Stuck
from lab.games.score import ScoreCard
from lab.learn.course import Standing
from lab.learn.module import modules
from lab.pipeline.insights import Answer, SavedQuery
from lab.pipeline.logs import Entry
from lab.scenario.guesses import guess_table
from lab.trace import OrderTimeline
from lab.trace.order_timeline import Moment
from lab.trace.show import timeline_table
from loadtests import verdict
from loadtests.benchmarks import dry_run, grouping, redrive
from loadtests.latencies import Latencies
from tests.support.accounts import account
from tests.support.results import result
from tests.support.strangers import letter, text

ORDER = "order-20261129-0198c0de-7abc-4def-8123"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:ingestion-dev-orders"
CAUSES = {
    "errorType": text("IdempotencyKeyReusedError"),
    "errorCategory": text("VALIDATION"),
    "errorMessage": text("amount: '12,50' is not of type 'number'; see critical-undelivered-events"),
    "correlationId": text("0198c0de-7abc-4def-8123-456789abcdef"),
}
LETTERS = [
    letter(codec.dumps({"orderId": ORDER, "amount": 1}), CAUSES, "0198c0de-7abc-4def-8123-456789abcdef"),
    letter(codec.dumps({"orderId": f"{ORDER}-2", "amount": 1}), {}, "1198c0de-7abc-4def-8123-456789abcdef"),
]
RESULTS = [
    result(
        "fault, with failure mode poison_payload: 5 more orders are sent.",
        "critical-undelivered-events",
        "5 x IdempotencyKeyReusedError",
        "4 x IdempotencyKeyReusedError, 1 x CouldNotDetermineMessageSource",
        Verdict.REFUTED,
        seconds=12.3,
        guess="5",
        guessed_right=False,
        fix="make deploy-local",
    ),
    result("recovery", "messages in the DLQ", "0", "0", Verdict.NOT_PROVABLE, guess="0"),
]
PREVIEW = {
    "complete": True,
    "sampled": 2,
    "eligible": 2,
    "statistics": {"total": 2},
    "matching": {"total": 2, "byErrorType": {"IdempotencyKeyReusedError": 1, "UNATTRIBUTED": 1}},
    "messages": [
        {name: value["StringValue"] for name, value in CAUSES.items()},
        {"triage": {"inferred": "moved by SQS after maxReceiveCount receives"}},
    ],
}
OPERATION = {
    "operationId": "0198c0de-7abc-4def-8123-456789abcdef",
    "status": "SUCCEEDED",
    "outcome": {"processed": 5, "diedAgain": 0, "waiting": 0, "unknown": 0, "unrecorded": 0},
    "requestedBy": "arn:aws:sts::000000000000:assumed-role/ingestion-dev-redrive/console",
}
MOMENTS = (
    Moment(1_700_000_000_123, "API", "POST /events answered 202, message 0198c0de-7abc", "access log", "c-1"),
    Moment(1_700_000_000_999, "worker", "IdempotencyKeyReusedError: " + "why " * 20, "log of worker", "c-2"),
)
QUERY = SavedQuery("error-analysis", 'filter event = "order.failed"\n| limit 50', ("/aws/lambda/worker",))
ANSWER = Answer(("errorCategory", "failures"), ({"errorCategory": "VALIDATION", "failures": "12"},))
BILL = [("a month", "quantity", "$"), ("SQS requests", "not provable here", "?"), ("together", "", ">= 2.00")]


class Aws:
    """Answers what `lab look metric` asks."""

    def client(self, _service: str) -> "Aws":
        return self

    def list_metrics(self, **_: Any) -> Any:
        return {"Metrics": [{"Dimensions": [{"Name": "FunctionName", "Value": "ingestion-dev-worker"}]}]}

    def get_metric_statistics(self, **_: Any) -> Any:
        return {"Datapoints": [{"Sum": 12345678.0, "Maximum": 3.0}]}


class Api:
    """Answers what `lab look dlq` asks."""

    def __init__(self, *_: object) -> None:
        """Nothing is connected to."""

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def preview(self, **_: Any) -> Any:
        return PREVIEW


def command(module: Any, *words: str) -> Callable[[Terminal], None]:
    """What a command prints."""

    def show(terminal: Terminal) -> None:
        with pytest.MonkeyPatch.context() as patch:
            aws = SimpleNamespace(aws=Aws(), stack=None)
            patch.setattr(look, "connect", lambda *_: (aws, ""))
            patch.setattr(look, "Api", Api)
            patch.setattr(module, "console", terminal)
            assert cli.run(lambda **given: cli.app(list(words), **given)) == 0

    return show


def patching(terminal: Terminal) -> None:
    plan = Plan(fingerprint="00dcffe7d677", patch='[{"op": "replace", "path": "/amount", "value": 12.5}]')
    forecast = Forecast(plan, corrected=3, refused=Counter({"/items/0/quantity must be of type integer": 2}))
    terminal.print(dlq.patching(plan, forecast, complete=False))


def printed_settings(terminal: Terminal) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "Terminal", lambda: terminal)
        context.settings()


def load(terminal: Terminal) -> None:
    latencies = Latencies()
    for milliseconds in (12, 1130, 29_999):
        latencies.add(milliseconds)
    ended: Any = SimpleNamespace(
        plan=SimpleNamespace(shape="spike"),
        findings=RESULTS,
        figures={
            "latency: fastest burn in 60 / 10 s": "0.0 / 0.0 x; critical at 14.4 x",
            "knee": "not reached",
        },
        account=None,
        passed=True,
        percentiles=[latencies.percentiles("answers to /events open model")],
        interrupted=False,
    )
    verdict.show(ended, terminal)


def requests(terminal: Terminal) -> None:
    total = SimpleNamespace(method="", name="Aggregated", num_requests=1234, num_failures=12, total_rps=45.6)
    throttled = SimpleNamespace(**vars(total) | {"method": "POST", "name": "/events/batch throttled (429)"})
    refused = SimpleNamespace(
        method="GET", name="/redrive/preview", occurrences=12, error="ConnectionError('Connection refused')"
    )
    statistics: Any = SimpleNamespace(entries={1: throttled}, total=total, errors={1: refused})
    verdict.show_requests(statistics, terminal)


def logged(terminal: Terminal) -> None:
    fields = {
        "event": "order.dead_lettered",
        "level": "ERROR",
        "orderId": ORDER,
        "errorType": "SchemaViolation",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "console", terminal)
        patch.setattr(logs, "say", terminal.say)
        logs.show([Entry("worker", 1_700_000_000_123, "1", json.dumps(fields))], 20, "worker, last 15 min")


def printed_bill(terminal: Terminal) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost, "console", terminal)
        cost._table(BILL, "the same for a month")  # pyright: ignore[reportPrivateUsage]


GROUPED = {"seconds": 2.5, "processorSeconds": 1.5, "engineProcessorSeconds": 3.5, "peakMib": 70, "groups": 4}


TALLY = {
    "wouldPass": 1234,
    "wouldDie": 12,
    "alreadyDone": 0,
    "uncertain": 3,
    "deaths": [{"errorType": "SchemaViolation", "signature": "/items/*/sku is missing", "count": 12}],
    "reasons": {"the price service refuses calls at random: it depends on chance": 3},
}


def grouped(letters: list[Envelope]) -> list[dict[str, Any]]:
    found = Groups(now_ms())
    found.add(letters)
    return found.as_json(1_209_600)


LETTER = dlq.document(LETTERS[0], Plan()) | {"queue": QUEUE}
"""Read once: it holds its age."""
BOARD = Board(
    [
        Score("Ada Lovelace", 85, 4, 2, 9, 11, 3, 1, ("round-trip", "foggy-morning")),
        Score("Grace Brewster Murray Hopper", 60, 3, 0, 0, 0, 0, 0, ()),
    ],
    [Stuck("round-trip", 3, 12, 4, 3, 9, 1234), Stuck("foggy-morning", 3, 2, 0, 2, 0, None)],
)
STATE = {
    "name": "black-friday",
    "title": "Everything at once",
    "moments": [
        {"clock": "6:00", "kind": "inject", "who": "", "text": EXERCISES[2].injects[1].told},
        {"clock": "6:31", "kind": "alarm", "who": "", "text": "critical-worker-errors rings"},
        {"clock": "12:30", "kind": "diagnosed", "who": "Ada", "text": "ORDERS_TABLE names no table"},
    ],
    "incidents": [{"repair": EXERCISES[2].injects[1].repair, "repaired": None}],
    "nextInject": {"at": 960.0, "told": EXERCISES[2].injects[2].told},
    "hints": list(EXERCISES[2].hints),
    "hintsGiven": 1,
}


TABLES: Mapping[str, Callable[[Terminal], None]] = {
    "lab/commands/challenge.py list_": command(challenge, "challenge", "list"),
    "lab/commands/challenge.py show": command(challenge, "challenge", "show", "effect-once"),
    "lab/commands/cost.py _table": printed_bill,
    "lab/commands/breakfix.py puzzles": command(breakfix, "puzzles"),
    "lab/commands/gameday.py board": lambda terminal: terminal.print(gameday.board(STATE, facilitator=True)),
    "lab/commands/gameday.py list_": command(gameday, "gameday", "list"),
    "lab/commands/gameday.py run": lambda terminal: terminal.print(Facts("Roles", ROLES)),
    "lab/commands/gameday.py table": lambda terminal: terminal.print(
        gameday.table(ScoreCard(51.8, None, 60.2, 2, 1234, account(done=["a"])))
    ),
    "lab/commands/history.py states": command(history, "history", "states"),
    "lab/commands/learn.py modules_table": lambda terminal: terminal.print(
        learn.modules_table([(module, Standing(1, 2, hints=1)) for module in modules()])
    ),
    "lab/commands/learn.py others_table": lambda terminal: terminal.print(
        learn.others_table([Step(1, "prediction", "eventbridge-partial-failure", "judged")])
    ),
    "lab/commands/logs.py show": logged,
    "lab/commands/look.py dlq": command(look, "look", "dlq"),
    "lab/commands/look.py faults": command(look, "look", "faults"),
    "lab/commands/look.py answered": lambda terminal: terminal.print(look.answered("errors", ANSWER)),
    "lab/commands/look.py saved_queries": lambda terminal: terminal.print(look.saved_queries([QUERY])),
    "lab/commands/look.py metric": command(look, "look", "metric", "Ingestion", "OrdersDeadLettered"),
    "lab/commands/scenario.py list_": command(scenario_commands, "scenario", "list"),
    "lab/commands/scenario.py show": command(
        scenario_commands, "scenario", "show", "eventbridge-partial-failure"
    ),
    "lab/commands/workshop.py ranks": lambda terminal: terminal.print(workshop.ranks(BOARD)),
    "lab/commands/workshop.py where_stuck": lambda terminal: terminal.print(workshop.where_stuck(BOARD)),
    "lab/common/results.py result_table": lambda terminal: terminal.print(
        result_table("predictions", "prediction", RESULTS)
    ),
    "lab/deployment/context.py settings": printed_settings,
    "lab/dlq/show.py counts": lambda terminal: terminal.print(dlq.counts(statistics(LETTERS))),
    "lab/dlq/show.py forecast": lambda terminal: terminal.print(
        dlq.forecast([group | {"forecast": TALLY} for group in grouped(LETTERS)], TALLY, complete=False)
    ),
    "lab/dlq/show.py groups": lambda terminal: terminal.print(
        dlq.groups(grouped(LETTERS), len(LETTERS), complete=False)
    ),
    "lab/dlq/show.py letter": lambda terminal: terminal.print(dlq.letter(LETTER)),
    "lab/dlq/show.py patching": patching,
    "lab/dlq/show.py letters": lambda terminal: terminal.print(dlq.letters(LETTERS, complete=True)),
    "lab/dlq/show.py operation": lambda terminal: terminal.print(dlq.operation(OPERATION)),
    "lab/dlq/show.py plan": lambda terminal: terminal.print(dlq.plan(Plan(), PREVIEW | {"forecast": TALLY})),
    "lab/scenario/guesses.py guess_table": lambda terminal: terminal.print(guess_table(RESULTS)),
    "lab/trace/show.py timeline_table": lambda terminal: terminal.print(
        timeline_table(OrderTimeline(ORDER, ("c-1", "c-2"), "in the DLQ", 1, 1, 0, MOMENTS))
    ),
    "loadtests/benchmarks/dry_run.py _table": lambda terminal: terminal.print(
        dry_run._table(1000, {dry_run.ROUTE: 2.3, dry_run.LOOP: 12.3})  # pyright: ignore[reportPrivateUsage]
    ),
    "loadtests/benchmarks/grouping.py _table": lambda terminal: terminal.print(
        grouping._table(10_000, {"grouped": GROUPED, "kept, one receive at a time": GROUPED})  # pyright: ignore[reportPrivateUsage]
    ),
    "loadtests/benchmarks/redrive.py _table": lambda terminal: terminal.print(
        redrive._table(1000, {redrive.LOOP: 12.3, "operation, worker at work": 2.2})  # pyright: ignore[reportPrivateUsage]
    ),
    "loadtests/verdict.py show": load,
    "loadtests/verdict.py show_requests": requests,
}
"""Everything that makes a table, with names as long as real ones."""


def printed(show: Callable[[Terminal], None], width: int, *, plain: bool = False) -> str:
    out = io.StringIO()
    show(Terminal(file=out, width=width, plain=plain))
    return out.getvalue()


def words(text_: str) -> set[str]:
    """The words of a table, without the colon that a heading has in a line of facts."""
    return {word.rstrip(":;") for word in text_.split() if word.strip("─")}


def makers() -> set[str]:
    """Every function of the lab that makes a table."""
    files = [*(paths.ROOT / "lab").rglob("*.py"), *(paths.ROOT / "loadtests").rglob("*.py")]
    return {
        f"{file.relative_to(paths.ROOT).as_posix()} {function.name}"
        for file in files
        for function in ast.walk(ast.parse(file.read_text()))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("Grid", "Facts")
    }


def test_every_table_of_the_lab_is_among_those_that_are_tested() -> None:
    assert set(TABLES) == makers()


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_breaks_no_word_that_fits_into_a_line(name: str, width: int) -> None:
    narrow = printed(TABLES[name], width)
    assert [line for line in narrow.splitlines() if len(line) > width] == []
    whole = {word for word in words(printed(TABLES[name], 1000)) if len(word) <= width - 2}
    assert whole - words(narrow) == set()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_on_a_plain_terminal_draws_nothing_and_has_one_fact_a_line(name: str) -> None:
    lines = printed(TABLES[name], 60, plain=True).splitlines()
    assert [character for line in lines for character in line if "\u2500" <= character <= "\u259f"] == []
    assert words("\n".join(lines)) >= words(printed(TABLES[name], 1000))
    assert "\x1b" not in "".join(lines)


def told(table: Grid | Facts, width: int = 80, *, plain: bool = False) -> list[str]:
    return printed(lambda terminal: terminal.print(table), width, plain=plain).splitlines()


def test_a_row_that_does_not_fit_side_by_side_is_told_as_a_line_for_each_fact() -> None:
    table = Grid("dead letters", {"order": [ORDER, "b"], "queue": [QUEUE, ""], "s": ["1", "2"]}, ["x", "y"])
    assert told(table) == [
        "dead letters",
        "x",
        f"order: {ORDER}",
        f"  queue: {QUEUE}",
        "  s: 1",
        "y",
        "order: b",
        "  s: 2",
    ]


def test_prose_gets_readable_lines_or_is_told_below() -> None:
    prose = "Receives of a message before SQS moves it to the dead-letter queue."
    table = Grid("", {"a": ["x" * 30], "b": ["y" * 20], "meaning": [prose]})
    assert any(line.startswith("  meaning: Receives") for line in told(table))
    assert told(table, 90)[0].split() == ["a", "b", "meaning"]


def test_a_table_without_rows_says_so() -> None:
    assert told(Grid("dead letters", {"order": []})) == ["dead letters: none"]


def test_a_fact_without_a_value_is_left_out() -> None:
    assert told(Facts("Plan", {"rate": "", "digest": "abc"}))[1:] == ["digest  abc"]


def test_what_a_stranger_wrote_on_a_second_line_begins_no_line() -> None:
    forged = Grid("", {"cause": ["a\nverdict: proved"], "messages": ["1"]})
    for width in (10, 80):
        assert [line for line in told(forged, width) if line.startswith("verdict")] == []


def test_a_plain_terminal_is_asked_for_by_the_environment_which_its_children_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for value, plain in (("", False), ("0", False), ("1", True)):
        monkeypatch.setenv("LAB_PLAIN", value)
        assert Terminal(file=io.StringIO()).plain is plain


def test_a_plain_terminal_says_what_takes_its_time_and_shows_no_spinner() -> None:
    out = io.StringIO()
    with Terminal(file=out, plain=True, force_terminal=True).status("starting the engine"):
        pass
    assert out.getvalue() == "starting the engine\n"


def test_a_plain_terminal_breaks_no_line() -> None:
    long = json.dumps(list(range(100)))
    assert told(Facts("", {"body": long}), plain=True)[-1] == f"body: {long}"
