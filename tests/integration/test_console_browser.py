"""The console as a person has it: `lab console` and a browser. Nothing it needs comes from elsewhere.

What it is for is seen in every run of the browser's tests (marker `page`); what takes longer is marked `long`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from functions.common.errors import LinesExceedAmountError
from lab.common import paths
from lab.console.routes.pages import PAGES
from lab.dlq.browser import dead_letters
from lab.dlq.seed import bury
from lab.engines import HostEngine
from lab.faults.changes import Changes
from lab.games import breakfix
from lab.games.puzzles import PUZZLES
from lab.history import Recorder
from lab.learn.module import names
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline
from lab.pipeline.orders import orders
from lab.pipeline.timeline import record
from lab.report import Run
from lab.report import write as write_report
from lab.report.run import Excerpt
from support.browsers import chromium
from support.eventually import eventually
from tests.conftest import free_port
from tests.support.printing import obeyed
from tests.support.strangers import send

AXE = paths.INFRA / "node_modules" / "axe-core" / "axe.min.js"
SECONDS = 20
MS = 1000
REFUSED = "status of 409 (Conflict)"
"""What Chromium says of a deed that the lab refuses; the page tells the person why."""

ADDRESS = re.compile(r"console: (http://127\.0\.0\.1:(\d+)/enter#\S+)")


OVERFLOWING = """[...document.querySelectorAll(".card, .node")]
    .filter((box) => box.scrollWidth > box.clientWidth)
    .map((box) => box.innerText)"""
"""What stands in boxes that are too narrow for it."""

GROUNDS = """() => [document.querySelector(".plot .main-svg"), document.querySelector(".widget")]
    .map((one) => getComputedStyle(one).backgroundColor)"""


@dataclass
class Served:
    """A console that serves. `entrance` is the address with the token that it printed."""

    process: subprocess.Popen[str]
    entrance: str

    @property
    def home(self) -> str:
        return self.entrance.split("/enter")[0]

    def interrupted(self) -> tuple[int, str]:
        """Its exit code and what else it printed, after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out


@contextmanager
def serving(engine_port: int) -> Generator[Served]:
    command = [sys.executable, "-m", "lab", "console", "--console-port", str(free_port())]
    process = subprocess.Popen(
        [*command, "--port", str(engine_port)], cwd=paths.ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        found = ADDRESS.match(process.stdout.readline())
        assert found
        assert "Ctrl-C" in process.stdout.readline()
        yield Served(process, found[1])
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def served(pipeline: Pipeline) -> Iterator[Served]:
    with serving(urlsplit(pipeline.aws.endpoint or "").port or 0) as served:
        yield served


type Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Visit]:
    """Open a page as a person who was let in. At the end no page may have erred or asked others for anything."""
    wrong: list[str] = []
    contexts = []

    def open_page(path: str, *, width: int = 1280, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("request", lambda request: wrong.append(request.url) if is_foreign(request.url) else None)
        context.on("console", lambda said: wrong.append(said.text) if is_error(said) else None)
        page = context.new_page()
        page.set_default_timeout(SECONDS * MS)
        page.goto(served.entrance)
        page.wait_for_url(f"{served.home}/")
        page.goto(served.home + path)
        expect(page.locator("html")).to_have_attribute("data-pipeline", "ready", timeout=SECONDS * MS)
        return page

    def is_error(said: ConsoleMessage) -> bool:
        return said.type == "error" and REFUSED not in said.text

    def is_foreign(url: str) -> bool:
        return not url.startswith((served.home, "data:", "blob:"))

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def settled(page: Page) -> None:
    """Wait until what the page loads by itself is there."""
    for selector in (".charts-plot .main-svg", ".plot .main-svg", "#alarms .alarm"):
        root = selector.split()[0]
        if page.locator({".charts-plot": "#charts", ".plot": "#widgets"}.get(root, root)).count():
            page.wait_for_selector(selector)


def assert_accessible(page: Page, what: str) -> None:
    """axe-core's rules for WCAG 2.2 A and AA, and its best practices; nothing wider than the window or its box."""
    page.evaluate(AXE.read_text())  # not as a script of the page, which its policy refuses
    found = page.evaluate("axe.run()")
    told = [
        (violation["id"], [node["target"] + [node["failureSummary"]] for node in violation["nodes"]])
        for violation in found["violations"]
    ]
    assert told == [], what
    assert found["passes"]
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, what
    assert page.evaluate(OVERFLOWING) == [], what


in_both_themes_and_widths = pytest.mark.parametrize(
    ("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
)


LOOKED_AT = [path for path, _, _ in PAGES] + [f"/course/{name}" for name in names()]
LOOKED_AT += ["/runbooks/critical-dlq-depth", "/runbooks/settings"]


@pytest.mark.long
@pytest.mark.parametrize("path", LOOKED_AT)
@in_both_themes_and_widths
def test_page_is_accessible_and_as_wide_as_the_window(
    visit: Visit, theme: str, width: int, path: str
) -> None:
    page = visit(path, width=width, color_scheme=theme)
    settled(page)
    assert_accessible(page, path)


@pytest.fixture
def recorded(pipeline: Pipeline, api: Api) -> Iterator[str]:
    """The name of a run's report: an order that was processed, and one that died."""
    recorder, name = Recorder("recorded", pipeline), f"recorded-{uuid.uuid4().hex[:8]}"
    with record(pipeline) as timeline:
        good, bad = (next(orders(1, label=label)) for label in ("well", "contradictory"))
        for order in (good, bad | {"items": [{"sku": "a", "quantity": 1, "unitPrice": 10**6}]}):
            recorder.accepted(api.submit(order))
        eventually(lambda: dead_letters(pipeline), within=30)
        account = recorder.account()
    said = Excerpt(1.0, "worker", "c", "order.dead_lettered", "", order_id=bad["orderId"])
    run = Run(name, "Recorded", "host engine", timeline.so_far(), account=account, excerpts=[said])
    folder = write_report(run, ["critical-dlq-depth"]).parent
    yield folder.name
    shutil.rmtree(folder)


@pytest.mark.long
@in_both_themes_and_widths
def test_results_recorder_and_dialogs_are_accessible_too(
    visit: Visit, pipeline: Pipeline, recorded: str, theme: str, width: int
) -> None:
    (letter,) = dead_letters(pipeline)
    page = visit(f"/trace?name={letter.order_id}", width=width, color_scheme=theme)
    expect(page.locator("#found-title")).to_contain_text("in the DLQ", timeout=SECONDS * MS)
    page.locator(".hop details summary").first.click()
    assert_accessible(page, "an order's way")
    page.goto(page.url.replace("/trace", f"/flight/{recorded}#order=").partition("?")[0] + letter.order_id)
    expect(page.locator("[data-flight=told]")).to_contain_text("at last DLQ")
    assert_accessible(page, "flight recorder")
    page.get_by_role("link", name="The whole report").click()  # for axe: tests/unit/lab/test_flight.py
    page.get_by_role("link", name=letter.order_id).first.click()
    expect(page.locator("[data-flight=trace]")).to_have_attribute("href", re.compile(letter.order_id))
    page.get_by_role("link", name="Scenarios", exact=True).click()
    page.get_by_role("button", name="Predict and run poison-payload").click()
    assert_accessible(page, "questions of a prediction")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Dead letters").click()
    page.get_by_role("button", name=re.compile("Letters of")).click()
    page.locator("#letters button").first.click()
    expect(page.locator("#letter")).to_be_visible()
    assert_accessible(page, "a letter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("Note … of")).click()
    assert_accessible(page, "a note")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_role("dialog", name="Move 1 messages?")).to_be_visible(timeout=SECONDS * MS)
    assert_accessible(page, "a redrive's plan")


@pytest.mark.page
def test_the_picture_and_the_charts_follow_the_orders(visit: Visit) -> None:
    page = visit("/")
    page.get_by_label("Orders to send").fill("20")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#toast")).to_have_text("20 orders accepted", timeout=SECONDS * MS)
    accepted = page.locator('[data-figure="accepted"]')
    expect(accepted).not_to_have_text(re.compile(r"^(\W|0|0\.0)$"), timeout=SECONDS * MS)
    assert page.locator(".edge.flows").count() > 0
    expect(page.locator("#charts .charts-now").filter(has_text="processed").first).to_be_visible()


@pytest.mark.long
def test_motion_is_left_out_where_reduced_motion_is_asked_for(visit: Visit) -> None:
    page = visit("/", reduced_motion="reduce")
    page.wait_for_selector(".edge", state="attached")
    moves = "edge => { edge.classList.add('flows'); return getComputedStyle(edge).animationName; }"
    assert page.locator(".edge").first.evaluate(moves) == "none"


@pytest.mark.page
def test_the_deployed_dashboard_is_drawn(visit: Visit) -> None:
    page = visit("/dashboard", color_scheme="dark")
    page.get_by_label("Time").select_option("300")
    page.get_by_label("Period").select_option("10")
    page.wait_for_selector(".plot .main-svg")
    graphs = page.locator('.widget[data-type="graph"]')
    assert graphs.count() > 10
    expect(page.locator(".widget .main-svg").first).to_be_visible()
    expect(page.get_by_role("region", name="Queue depth")).to_be_visible()
    plot, widget = page.evaluate(GROUNDS)
    assert plot == widget != "rgb(255, 255, 255)"
    assert "not shown here" not in page.locator("#widgets").inner_text().lower()
    expect(page.locator("#read")).to_contain_text("ingestion-dev")


@pytest.mark.page
def test_dead_letters_are_found_planned_and_moved_with_the_keyboard_alone(
    visit: Visit, pipeline: Pipeline
) -> None:
    ids = bury(pipeline, list(orders(4, label="browser")))
    page = visit("/dlq")
    page.get_by_label("Error type").focus()
    page.keyboard.type("LinesExceedAmount")
    page.keyboard.press("Enter")
    expect(page.locator("#letters tr")).to_have_count(4, timeout=SECONDS * MS)
    first = page.locator("#letters button").first
    assert first.inner_text() in ids
    first.press("Enter")
    expect(page.get_by_role("dialog", name=re.compile("Dead letter"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#letter")).to_be_hidden()
    page.get_by_role("button", name="Show the plan").press("Enter")
    dialog = page.get_by_role("dialog", name="Move 4 messages?")
    expect(dialog).to_be_visible(timeout=SECONDS * MS)
    typed = page.locator("#confirm-input")
    label = page.locator("label[for=confirm-input]").inner_text()
    typed.focus()
    page.keyboard.type("something")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    typed.fill("")
    page.keyboard.type(label.rsplit(" ", 1)[1])
    page.get_by_role("button", name="Redrive", exact=True).press("Enter")
    expect(page.locator("#job-status")).to_have_text("succeeded", timeout=40 * MS)
    expect(page.locator("#operation")).to_contain_text("4 of 4")
    expect(page.locator("#letters")).to_have_text("nothing matches", timeout=SECONDS * MS)
    expect(page.locator("#groups .group")).to_have_count(0)
    eventually(lambda: set(ids) <= {effect.order_id for effect in pipeline.effects()}, within=20)


@pytest.mark.page
def test_plan_of_one_group_is_three_clicks_from_its_alarm(visit: Visit, pipeline: Pipeline) -> None:
    few, many = list(orders(2, label="few")), list(orders(5, label="many"))
    bury(pipeline, few, error=LinesExceedAmountError("lines of 3 exceed the amount of 2"))
    bury(pipeline, many, error=LinesExceedAmountError("another cause"))
    page = visit("/alarms")
    first = page.locator("#alarms .alarm").first
    expect(first).to_have_attribute("data-state", "ALARM", timeout=2 * SECONDS * MS)
    expect(page.locator("#ringing-count")).to_contain_text("in ALARM")
    page.locator("#critical-dlq-depth").get_by_role("link", name="Dead letters").click()
    cards = page.locator("#groups .group")
    expect(cards).to_have_count(2, timeout=SECONDS * MS)
    cards.filter(has_text="lines of *").get_by_role("button", name="Plan a redrive").click()
    dialog = page.get_by_role("dialog", name="Move 2 messages?")
    expect(dialog).to_contain_text("2 LinesExceedAmount", timeout=SECONDS * MS)
    expect(dialog).to_contain_text("of 2: 2 would pass")  # their bodies are good: their cause was made up
    page.locator("#confirm-input").fill(
        page.locator("label[for=confirm-input]").inner_text().rsplit(" ", 1)[1]
    )
    page.get_by_role("button", name="Redrive", exact=True).click()
    expect(cards).to_have_count(1, timeout=60 * MS)
    expect(page.locator("#groups-told")).to_contain_text("5 letters in 1 group")
    moved = {order["orderId"] for order in few}
    eventually(lambda: moved <= {effect.order_id for effect in pipeline.effects()}, within=20)


@pytest.mark.page
def test_letter_of_a_group_opens_with_its_body_and_what_can_be_done_in_view(
    visit: Visit, pipeline: Pipeline
) -> None:
    bury(pipeline, list(orders(1, label="browser")))
    page = visit("/dlq")
    page.get_by_role("button", name="Letters of LinesExceedAmount").click()
    page.locator("#letters button").first.click()
    for seen in ("#letter-cause", "#letter-body", "#letter-discard", "#repair button.primary"):
        expect(page.locator(seen)).to_be_in_viewport(ratio=1)
    expect(page.locator("#letter-cause")).to_contain_text("PERMANENT LinesExceedAmount")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Note … of LinesExceedAmount").click()
    page.get_by_label("Status").select_option("known")
    page.get_by_label("What is known of it").fill("prices of May")
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator("#groups .group")).to_contain_text("prices of May, says", timeout=SECONDS * MS)
    page.reload()
    expect(page.locator("#groups .badge")).to_have_text("known", timeout=SECONDS * MS)


@pytest.mark.page
def test_dead_order_is_traced_from_what_lately_failed_and_redriven_from_there(
    visit: Visit, pipeline: Pipeline, api: Api
) -> None:
    """Contradictory orders die of their own: a redrive lets them die again, which the trace then tells."""
    order_id = f"traced-{uuid.uuid4().hex[:8]}"
    order = {"orderId": order_id, "amount": 1, "items": [{"sku": "a", "quantity": 1, "unitPrice": 2}]}
    api.submit(order)
    eventually(lambda: pipeline.dlq().visible == 1, within=30)
    page = visit("/trace")
    page.locator("#lately").get_by_role("button", name=order_id).click()
    expect(page.locator("#found-title")).to_have_text(f"Order {order_id}: in the DLQ", timeout=SECONDS * MS)
    places = page.locator(".hop").evaluate_all("hops => hops.map(hop => hop.dataset.where)")
    assert [place for place in places if place in ("API", "queue", "worker", "DLQ")] == [
        "API",
        "queue",
        "worker",
        "DLQ",
    ]
    assert page.locator(".hop .badge").count() == len(places)
    dlq = page.locator('.hop[data-where="DLQ"]')
    dlq.get_by_text("Payload").click()
    assert json.loads(dlq.locator("pre").first.inner_text()) == order
    page.get_by_role("button", name="Redrive it").click()
    dialog = page.get_by_role("dialog", name="Move 1 messages?")
    expect(dialog).to_contain_text("of 1: 1 would die again", timeout=SECONDS * MS)
    expect(dialog).to_contain_text("1 would die of LinesExceedAmount")
    page.locator("#confirm-input").fill(
        page.locator("label[for=confirm-input]").inner_text().rsplit(" ", 1)[1]
    )
    page.get_by_role("button", name="Redrive", exact=True).click()
    expect(page.locator("#facts")).to_contain_text("deaths2", timeout=60 * MS, use_inner_text=False)
    page.get_by_role("link", name="Repair and send it").click()
    expect(page.locator("#letter-title")).to_have_text(f"Dead letter {order_id}", timeout=SECONDS * MS)


@pytest.mark.page
def test_newcomer_who_follows_the_pages_finishes_the_first_module_within_ten_minutes(
    visit: Visit, pipeline: Pipeline
) -> None:
    """Everything is pressed, copied and typed in the browser, where the pages say so."""
    began = time.monotonic()
    page = visit("/")
    page.locator("#new-here").get_by_role("link", name="course").click()
    expect(page.locator("#summary")).to_contain_text("0 of 10 modules")
    page.get_by_role("link", name="A first order, and its way").click()
    page.get_by_role("button", name="Begin", exact=True).click()
    expect(page.locator("#state")).to_have_text("under way, worth 100 points")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("[data-checkpoint=processed]")).to_contain_text("not yet: 0 of 5")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open Pipeline").click()
    opened.value.get_by_role("button", name="Send").click()
    expect(opened.value.locator("#toast")).to_have_text("10 orders accepted", timeout=SECONDS * MS)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Open Trace").click()
    opened.value.get_by_role("button", name="Read again").click()
    opened.value.locator("#lately tr", has_text="console-").get_by_role("button").first.click()
    accepted = opened.value.locator('.hop[data-where="ingest"]', has_text="accepted as message")
    message = accepted.locator("p").first.inner_text(timeout=SECONDS * MS).rsplit(" ", 1)[1]
    page.get_by_label("The message id").fill(message)
    page.get_by_role("button", name="Check").click()
    expect(page.locator('[data-passed="true"]')).to_have_count(2, timeout=SECONDS * MS)
    page.get_by_label("The order is processed").check()
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#verdict")).to_contain_text("No. Think again")
    page.get_by_label("The order is in the queue").check()
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#verdict")).to_contain_text("202 means accepted, not done")
    expect(page.locator("#state")).to_contain_text("80 points")
    assert time.monotonic() - began < 600
    home = visit("/")
    expect(home.locator("#charts .charts-now").first).to_be_visible(timeout=SECONDS * MS)
    expect(home.locator("#new-here")).to_be_hidden()
    again = visit("/course")
    expect(again.locator("[data-module=first-order] .badge")).to_have_text("done")
    expect(again.locator("[data-module=poison]")).to_have_class(re.compile("coming"))
    page.get_by_role("button", name="Begin again").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#state")).to_have_text("not begun")


@pytest.mark.page
def test_saved_query_of_failures_leads_to_the_lines_and_the_order(
    visit: Visit, pipeline: Pipeline, api: Api
) -> None:
    order_id = f"logged-{uuid.uuid4().hex[:8]}"
    api.submit({"orderId": order_id, "amount": 1, "items": [{"sku": "a", "quantity": 1, "unitPrice": 2}]})
    eventually(lambda: order_id in {letter.order_id for letter in dead_letters(pipeline)}, within=30)
    page = visit("/logs")
    page.get_by_label("Query", exact=True).select_option("error-analysis")
    expect(page.get_by_label("Its text")).to_have_value(re.compile("order.failed"))
    page.get_by_role("button", name="Run the query").click()
    expect(page.locator("#answer-rows")).to_contain_text("LinesExceedAmount", timeout=SECONDS * MS)
    page.get_by_label("Line holds").fill("order.dead_lettered")
    page.get_by_role("button", name="Show the lines").click()
    page.locator("#lines-rows").get_by_role("link", name=order_id).first.click()
    expect(page.locator("#found-title")).to_contain_text("in the DLQ", timeout=SECONDS * MS)


@pytest.mark.page
def test_orders_sent_for_it_are_priced_for_a_month(visit: Visit) -> None:
    page = visit("/cost")
    page.get_by_label("Orders", exact=True).fill("5")
    page.get_by_role("button", name="Send and price them").click()
    expect(page.locator("#bill-title")).to_have_text(re.compile("5 orders in"), timeout=60 * MS)
    expect(page.locator("#monthly")).to_contain_text("for 1,000,000 orders")
    expect(page.locator("#monthly tr.total").last).to_contain_text(re.compile(r"together\D*\d+\.\d\d"))


@pytest.mark.page
def test_dead_letters_of_strangers_are_shown_as_text(visit: Visit, pipeline: Pipeline) -> None:
    sent = send(pipeline)
    page = visit("/dlq")
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.locator("#letters tr")).to_have_count(len(sent), timeout=SECONDS * MS)
    for seen in (
        "[/red][link=file:///etc/passwd]x",
        "</script><script>alert(1)</script>",
        "\\u202egpj\\u009b31m",
    ):
        expect(page.locator("#letters")).to_contain_text(seen)
    for number in range(len(sent)):
        page.locator("#letters button").nth(number).click()
        expect(page.locator("#letter")).to_be_visible()
        shown = page.locator("#letter").inner_text() + page.get_by_label("Body, as it died").input_value()
        assert obeyed(shown.replace("\t", "")) == []
        page.keyboard.press("Escape")
    assert obeyed(page.locator("main").inner_text().replace("\t", "")) == []
    assert page.locator("main img, main script, main a").count() == 0


@pytest.mark.long
def test_a_violation_of_a_repaired_order_is_shown_beside_it(visit: Visit, pipeline: Pipeline) -> None:
    bury(pipeline, list(orders(1, label="browser")))
    page = visit("/dlq")
    page.get_by_role("button", name="Look", exact=True).click()
    page.locator("#letters button").first.click()
    page.get_by_label("Body, as it died").fill('{"orderId": "x"}')
    page.get_by_role("button", name="Send repaired").click()
    page.locator("#confirm-input").fill(
        page.locator("label[for=confirm-input]").inner_text().rsplit(" ", 1)[1]
    )
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#letter-error")).to_contain_text("not a valid order", timeout=SECONDS * MS)
    assert pipeline.dlq().visible == 1


@pytest.mark.long
def test_a_fault_is_switched_with_the_keyboard_and_shown_on_every_page(
    visit: Visit, pipeline: Pipeline
) -> None:
    page = visit("/faults")
    switch = page.get_by_role("switch", name="Duplicate submit")
    switch.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true", timeout=SECONDS * MS)
    assert pipeline.failure_mode() == "duplicate_submit"
    expect(page.locator('[data-switch="poison_payload"] .switch-state')).to_contain_text("end first")
    expect(page.get_by_role("switch", name="Poison payload")).to_be_disabled()
    other = visit("/")
    expect(other.locator("#in-force")).to_contain_text("Duplicate submit, for another", timeout=SECONDS * MS)
    switch.press("Space")
    expect(switch).to_have_attribute("aria-checked", "false", timeout=SECONDS * MS)
    assert pipeline.failure_mode() == "none"


@pytest.mark.page
def test_a_browser_without_the_token_sees_nothing(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.goto(f"{served.home}/dlq")
    page.wait_for_url(f"{served.home}/enter")
    expect(page.locator("#told")).to_contain_text("make console printed")
    page.goto(f"{served.home}/enter#wrong")
    page.reload()
    expect(page.locator("#told")).to_contain_text("not the token of this start")
    page.goto(f"{served.home}/dlq")
    page.wait_for_url(f"{served.home}/enter")
    page.close()


@pytest.mark.long
def test_the_token_does_not_stay_in_the_address(visit: Visit, served: Served) -> None:
    page = visit("/dlq")
    token = served.entrance.split("#")[1]
    assert token not in page.evaluate(
        "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
    )
    page.go_back()
    assert page.url == f"{served.home}/"
    page.go_back()
    assert token not in page.url


ATTACK = """<!doctype html><title>foreign</title>
<form id="form" method="post" action="{home}/api/steady" enctype="text/plain"><input name='{{"a":"' value='"}}'></form>
<iframe name="frame" src="{home}/"></iframe><img src="{home}/static/icon.svg">
<script src="{home}/api/readings"></script>
<script>
const told = [];
const attempt = async (name, path, options) => {{
  try {{
    const answer = await fetch("{home}" + path, {{ credentials: "include", ...options }});
    told.push([name, answer.type, answer.status]);
  }} catch (error) {{ told.push([name, "blocked", 0]); }}
}};
window.done = (async () => {{
  await attempt("read", "/api/readings", {{}});
  await attempt("read blindly", "/api/readings", {{ mode: "no-cors" }});
  const sent = {{ method: "POST", body: '{{"count": 5}}' }};
  await attempt("act", "/api/orders", {{ ...sent, headers: {{ "Content-Type": "application/json" }} }});
  await attempt("act blindly", "/api/orders", {{ ...sent, mode: "no-cors" }});
  return told;
}})();
</script>"""


def last_job(page: Page) -> list[str]:
    """What the page shows of the job under way or the last one; empty texts if there was none yet."""
    expect(page.locator("html")).to_have_attribute("data-pipeline", "ready", timeout=SECONDS * MS)
    return page.locator("#job-title, #job-time").all_text_contents()


def answers_under_the_hood(page: Page) -> Callable[[], list[tuple[str, int]]]:
    """Path and status of what servers answered, also where the browser keeps the answer from the page."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    paths_by_id: dict[str, str] = {}
    statuses: list[tuple[str, int]] = []
    session.on(
        "Network.requestWillBeSent",
        lambda told: paths_by_id.update({told["requestId"]: urlsplit(told["request"]["url"]).path}),
    )
    session.on(
        "Network.responseReceivedExtraInfo",
        lambda told: statuses.append((told["requestId"], told["statusCode"])),
    )
    return lambda: [(paths_by_id[request], status) for request, status in statuses if request in paths_by_id]


@pytest.mark.page
def test_a_page_of_another_site_can_neither_drive_the_console_nor_read_from_it(
    visit: Visit, served: Served, browser: Browser, pipeline: Pipeline
) -> None:
    """It is served by another port of the same host: browsers send it the console's cookie."""

    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(ATTACK.format(home=served.home).encode())

        def log_message(self, *_: object) -> None:
            """The tests' output is not the place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(served.entrance)
        page.wait_for_url(f"{served.home}/")
        assert context.cookies()
        before = pipeline.processed(), last_job(page)
        answers = answers_under_the_hood(page)
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        told = page.evaluate("window.done")
        assert len(told) == 4
        assert {kind for _, kind, _ in told} <= {"blocked", "opaque"}
        page.evaluate("document.getElementById('form').submit()")
        page.wait_for_url(f"{served.home}/api/steady")
        assert "origin" in page.content()
        asked = [(path, status) for path, status in answers() if path.startswith("/api")]
        assert {path for path, _ in asked} == {"/api/readings", "/api/orders", "/api/steady"}
        assert {status for _, status in asked} == {403}
        page.goto(served.home + "/")
        assert (pipeline.processed(), last_job(page)) == before
    finally:
        context.close()
        server.shutdown()


@pytest.mark.page
def test_another_name_for_this_machine_is_refused(browser: Browser, served: Served) -> None:
    """DNS rebinding: the attacker's name resolves to 127.0.0.1, so the browser takes the console for his site."""
    page = browser.new_page()
    port = urlsplit(served.home).port
    answer = page.goto(f"http://rebound.example:{port}/enter")
    assert answer
    assert answer.status == 421
    page.close()


@pytest.mark.long
def test_a_console_without_an_engine_says_what_to_run_and_goes_on_when_it_is_there(browser: Browser) -> None:
    engine = HostEngine(free_port())
    with serving(engine.port) as served:
        page = browser.new_page()
        page.goto(served.entrance)
        banner = page.get_by_role("alert")
        expect(banner).to_contain_text(
            f"No engine is running on port {engine.port}. Run: make up", timeout=SECONDS * MS
        )
        try:
            engine.up()
            expect(banner).to_contain_text("is not deployed. Run: make deploy-local", timeout=SECONDS * MS)
        finally:
            engine.down()
        expect(banner).to_contain_text("Run: make up", timeout=SECONDS * MS)
        page.close()


@pytest.mark.long
def test_ctrl_c_ends_the_console_cleanly_and_undoes_its_changes(pipeline: Pipeline, browser: Browser) -> None:
    with serving(urlsplit(pipeline.aws.endpoint or "").port or 0) as served:
        context = browser.new_context()
        page = context.new_page()
        page.goto(served.entrance)
        page.wait_for_url(f"{served.home}/")
        page.goto(f"{served.home}/faults")
        page.get_by_role("switch", name="Worker killed after 1 s").click()
        eventually(lambda: Changes(pipeline).active(), within=SECONDS)
        code, out = served.interrupted()
        context.close()
    assert code == 0
    assert "undone: worker-timeout changed by the console" in out
    assert out.endswith("console ended\n")
    assert Changes(pipeline).active() == []


@pytest.mark.long
def test_a_scenario_is_run_watched_and_its_report_read(visit: Visit) -> None:
    page = visit("/scenarios")
    page.get_by_role("button", name="Back to the steady state").first.click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.locator("#job-status")).to_have_text("succeeded", timeout=150 * MS)
    page.get_by_role("button", name="Run happy-path").click()
    expect(page.locator("#findings .badge.good").first).to_be_visible(timeout=60 * MS)
    expect(page.locator("#findings .pending").first).to_be_visible()
    expect(page.locator("#job-status")).to_have_text("succeeded", timeout=120 * MS)
    assert page.locator("#findings .badge.bad").count() == 0
    page.locator("#job-report").click()
    expect(page.get_by_role("heading", name="Happy path")).to_be_visible()


@pytest.mark.long
def test_a_busy_port_is_one_clear_line(served: Served) -> None:
    port = str(urlsplit(served.home).port)
    done = subprocess.run(
        [sys.executable, "-m", "lab", "console", "--console-port", port],
        cwd=paths.ROOT,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert f"error: Port {port} is in use by" in done.stderr
    assert f"CONSOLE_PORT={int(port) + 1}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.page
def test_puzzle_is_broken_checked_hinted_at_and_given_up_in_the_page(
    visit: Visit, pipeline: Pipeline
) -> None:
    page = visit("/puzzles")
    expect(page.locator("#puzzles tr")).to_have_count(len(PUZZLES), timeout=SECONDS * MS)
    page.locator("select[name=puzzle]").select_option("silent-night")
    page.get_by_role("button", name="Break something").click()
    expect(page.locator("#current-title")).to_have_text("silent-night, level 1", timeout=2 * SECONDS * MS)
    page.get_by_role("button", name="A hint").click()
    expect(page.locator("#hints li")).to_have_count(1)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#told")).to_have_text("Not mended yet.", timeout=90 * MS)
    expect(page.locator("#results tr", has_text="the DLQ alarm is heard")).to_contain_text("refuted")
    page.get_by_role("button", name="Give up").click()
    page.get_by_role("button", name="Tell me").click()
    expect(page.locator("#puzzles tr", has_text="silent-night")).to_contain_text("given up")
    page.get_by_role("button", name="Bring it back").click()
    eventually(lambda: breakfix.active(pipeline) is None, within=150)
    expect(page.locator("#job-status")).to_have_text("succeeded", timeout=150 * MS)


@pytest.mark.long
def test_puzzles_setting_is_looked_at_and_cured_by_the_runbooks_page_alone(
    visit: Visit, pipeline: Pipeline
) -> None:
    puzzle = breakfix.break_it(pipeline, name="dead-line")
    page = visit("/runbooks/settings")
    heading = page.get_by_role("heading", name=puzzle.section)
    runners = heading.locator("xpath=following::div[@class='runner']")
    for number, told in enumerate(("DISABLED", "it printed nothing")):
        runners.nth(number).get_by_role("button", name=re.compile("Run it")).press("Enter")
        expect(runners.nth(number).get_by_role("status")).to_contain_text(told, timeout=3 * SECONDS * MS)
    setting = puzzle.change.setting
    assert setting.read(pipeline) == "ENABLED"
    Changes(pipeline).undo(setting.name)


@pytest.mark.long
def test_templates_for_aws_are_made_and_told_by_type_in_the_page(visit: Visit) -> None:
    page = visit("/cost")
    page.get_by_role("button", name="Make the templates").click()
    queues = page.locator("#resources tr", has_text="AWS::SQS::Queue").filter(has_text="ingestion-dev-queue")
    expect(queues.first).to_be_visible(timeout=150 * MS)
    expect(page.locator("#job-status")).to_have_text("succeeded", timeout=SECONDS * MS)


@pytest.mark.long
def test_gameday_is_played_in_the_page_with_notes_and_a_declaration(visit: Visit) -> None:
    page = visit("/gamedays")
    page.locator("select[name=gameday]").select_option("downstream-outage")
    page.locator("#team").fill("Ada: incident commander")
    page.get_by_role("button", name="Start the clock").click()
    expect(page.locator("#game")).to_be_visible(timeout=3 * SECONDS * MS)
    page.locator("input[name=who]").fill("Ada")
    page.locator("input[name=text]").fill("orders are late")
    page.get_by_role("button", name="Note").click()
    expect(page.locator("#moments")).to_contain_text("orders are late", timeout=SECONDS * MS)
    page.get_by_role("button", name="Declare the incident").click()
    expect(page.locator("#moments")).to_contain_text("the team has declared", timeout=SECONDS * MS)
    page.get_by_text("The facilitator's desk").click()
    page.get_by_role("button", name="Give a hint").click()
    expect(page.locator("#secrets")).to_contain_text("1 of", timeout=SECONDS * MS)
    page.get_by_role("button", name="End the game").click()
    page.get_by_role("button", name="End it").click()
    expect(page.locator("#played")).to_contain_text("downstream-outage", timeout=150 * MS)
    expect(page.locator("#job-report")).to_be_visible(timeout=SECONDS * MS)


@pytest.mark.long
def test_predictions_are_typed_judged_and_remembered_in_the_page(visit: Visit) -> None:
    page = visit("/scenarios")
    page.get_by_role("button", name="Back to the steady state").first.click()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.locator("#job-status")).to_have_text("succeeded", timeout=150 * MS)
    page.get_by_role("button", name="Predict and run happy-path").click()
    first = page.locator("#predict-questions input").first
    first.fill("lots")
    page.get_by_role("button", name="Run it").click()
    expect(page.locator("#predict-error")).to_contain_text("'lots' is not a number")
    first.fill("99999")
    page.get_by_role("button", name="Run it").click()
    expect(page.locator("#judged")).to_contain_text("you: 0 of 1", timeout=150 * MS)
    expect(page.locator("#judged dt")).to_contain_text("you said 99999")
    expect(page.locator("#findings .you .badge.bad")).to_have_text("wrong")
    page.goto(f"{page.url.split('/scenarios')[0]}/course")
    expect(page.locator("#predictions")).to_contain_text("0 of 1", timeout=SECONDS * MS)


@pytest.mark.long
def test_handler_is_judged_in_the_page_and_the_reference_shown_once_it_passes(visit: Visit) -> None:
    page = visit("/challenges")
    page.locator("[data-challenge=effect-once]").click()
    handlers = paths.ROOT / "challenges" / "effect-once"

    def judged(name: str) -> None:
        page.locator("input[name=handler]").fill(f"{handlers / name}.py:handler")
        page.get_by_role("button", name="Judge it").click()

    judged("naive")
    expect(page.locator("#kept")).to_have_text("failed: one effect", timeout=120 * MS)
    expect(page.locator("#lines")).to_contain_text("order ")
    expect(page.locator("#solutions pre")).to_have_count(0)
    judged("reference")
    expect(page.locator("#kept")).to_have_text("passed: every promise is kept", timeout=120 * MS)
    expect(page.locator("#solutions pre")).to_have_count(2)


@pytest.mark.page
def test_handler_that_is_no_file_is_refused_in_the_page_and_named(visit: Visit) -> None:
    page = visit("/challenges")
    page.locator("input[name=handler]").fill("/nowhere/mine.py:handler")
    page.get_by_role("button", name="Judge it").click()
    expect(page.locator("#error")).to_contain_text("There is no file /nowhere/mine.py")
