"""The flight recorder: where orders were when, out of a history; and its page, offline in a browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lab import report
from lab.common import paths
from lab.history.events import Event, History, Kind, Source
from lab.history.gather import Account
from lab.pipeline.timeline import Sample, Span, Timeline
from lab.report import Run
from lab.report.flight import API, DLQ, DONE, GONE, QUEUE, WORKER, embedded, flight, of_folder
from support.browsers import chromium

AXE = paths.INFRA / "node_modules" / "axe-core" / "axe.min.js"
STARTED = 1_780_000_000_000
ORDERS = 2000
MEGABYTES = 5


def history(*events: Event) -> History:
    return History("made-up", STARTED, STARTED + 60_000, events, frozenset(Source))


def event(after: int, kind: Kind, order: str = "one", **facts: object) -> Event:
    return Event(STARTED + after, kind, order, facts=facts)


def stations(*events: Event) -> list[tuple[int, int]]:
    ((_, steps),) = flight(history(*events), Timeline(STARTED / 1000))["orders"]
    return [(at, station) for at, station, _ in steps]


def test_order_goes_from_the_api_to_the_table() -> None:
    assert stations(
        event(10, Kind.SENT),
        event(12, Kind.ACCEPTED),
        event(30, Kind.RECEIVED),
        event(50, Kind.EFFECT),
        event(51, Kind.ROW_FOUND),
    ) == [(10, API), (10, QUEUE), (30, WORKER), (50, DONE)]


def test_failure_that_is_retried_leads_back_to_the_queue_and_one_that_is_not_to_the_dlq() -> None:
    assert stations(
        event(0, Kind.SENT),
        event(1, Kind.RECEIVED),
        event(2, Kind.FAILED, willRetry=True),
        event(3, Kind.RECEIVED),
        event(4, Kind.FAILED, willRetry=False),
        event(5, Kind.DIED),
        event(9, Kind.LETTER_FOUND),
    ) == [(0, QUEUE), (1, WORKER), (2, QUEUE), (3, WORKER), (5, DLQ)]


def test_order_stays_where_it_ended_although_its_sending_is_logged_after_that() -> None:
    assert stations(event(0, Kind.ACCEPTED), event(5, Kind.EFFECT), event(9, Kind.SENT))[-1] == (5, DONE)
    assert stations(event(0, Kind.ACCEPTED), event(5, Kind.DIED), event(9, Kind.SENT))[-1] == (5, DLQ)


def test_dead_order_is_redriven_or_given_up() -> None:
    assert stations(event(1, Kind.DIED), event(2, Kind.REDRIVEN), event(3, Kind.ROW_FOUND)) == [
        (1, DLQ),
        (2, QUEUE),
        (3, DONE),
    ]
    assert stations(event(1, Kind.LETTER_FOUND), event(2, Kind.DISCARDED))[-1] == (2, GONE)


def test_faults_and_alarms_are_told_on_the_clock_of_the_history() -> None:
    states = [(0.0, "OK"), (1.0, "ALARM"), (2.0, "ALARM"), (3.0, "OK"), (4.0, "ALARM")]
    timeline = Timeline(
        STARTED / 1000 + 10,
        [Sample(at, 0, 0, 0, 0, {"critical-dlq-depth": state}) for at, state in states],
        [Span("an outage", 1.5, 3)],
    )
    told = flight(history(event(0, Kind.SENT)), timeline)
    assert told["faults"] == [["an outage", 11_500, 13_000]]
    assert told["alarms"] == [["critical-dlq-depth", 11_000, 12_000], ["critical-dlq-depth", 14_000, 14_000]]


def test_id_of_a_stranger_ends_no_script() -> None:
    hostile = "</script><script>alert(1)</script>\u2028"
    text = embedded(flight(history(event(0, Kind.SENT, hostile)), Timeline(STARTED / 1000)))
    assert "<" not in text
    assert json.loads(text)["orders"][0][0] == hostile


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of 2,000 orders, of which every tenth fails twice, dies and is redriven."""
    events: list[Event] = []
    for number in range(ORDERS):
        order, at = f"order-{number:04d}", number * 25
        events += [
            event(at, Kind.ACCEPTED, order),
            event(at, Kind.SENT, order),
            event(at + 40, Kind.RECEIVED, order),
        ]
        if number % 10:
            events.append(event(at + 90, Kind.EFFECT, order))
            continue
        failed = {"errorCategory": "TRANSIENT", "errorType": "DependencyUnavailable", "willRetry": True}
        for later in (100, 1100):
            events += [
                event(at + later, Kind.FAILED, order, **failed),
                event(at + later + 900, Kind.RECEIVED, order),
            ]
        events += [event(at + 2100, Kind.DIED, order), event(at + 4000, Kind.REDRIVEN, order)]
        events += [event(at + 4100, Kind.RECEIVED, order), event(at + 4200, Kind.EFFECT, order)]
    run = Run(
        "made-up",
        "Made up",
        "host engine",
        Timeline(STARTED / 1000, [Sample(0, 0, 0, 0, 0, {})], [Span("an outage", 5, 20)]),
        account=Account.of(history(*sorted(events, key=lambda one: one.time))),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "REPORTS", tmp_path_factory.mktemp("reports"))
        return report.write(run, ["critical-dlq-depth"]).parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, written: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The recorder as a file, in a browser that has no network."""
    context = browser.new_context(
        color_scheme=request.param, viewport={"width": 1200, "height": 900}, offline=True
    )
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("request", lambda asked: None if asked.url.startswith("file:") else troubles.append(asked.url))
    page.goto((written / "flight.html").as_uri())
    yield page
    context.close()
    assert troubles == []


def test_recorder_of_2000_orders_is_small_and_asks_for_nothing_else(written: Path) -> None:
    text = (written / "flight.html").read_text()
    assert len(text.encode()) < MEGABYTES * 1_000_000
    assert not re.search(r"(src|href)=.?(https?:)?//", text)


def test_report_begins_with_its_recorder_and_what_was_written_says_the_same(written: Path) -> None:
    text = (written / "report.html").read_text()
    assert text.index('href="flight.html"') < text.index('class="cards"')
    shown = re.search(r'id="flight-data">(.*?)</script>', (written / "flight.html").read_text())
    assert shown
    assert json.loads(shown[1]) == json.loads(json.dumps(of_folder(written)))


@pytest.mark.page
def test_any_order_is_found_by_typing_its_id_and_pressing_enter(page: Page) -> None:
    page.get_by_label("Find an order").fill("order-0010")
    page.keyboard.press("Enter")
    steps = page.locator("[data-flight=steps] li")
    expect(steps).to_have_count(11)
    expect(steps.nth(7)).to_contain_text("DLQ: died")
    expect(page.locator("[data-flight=told]")).to_contain_text("at last table")
    steps.nth(7).get_by_role("button").click()
    expect(page.locator("[data-flight=clock]")).to_have_text("2.7 s of 60.0 s")
    expect(page.locator("[data-flight=steps] [aria-current=true]")).to_contain_text("DLQ: died")
    page.get_by_label("Find an order").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.locator("[data-flight=told]")).to_have_text("no order of this run is called nobody")


@pytest.mark.page
def test_report_recorder_and_index_are_accessible_and_no_wider_than_a_window(
    page: Page, written: Path
) -> None:
    for name in ("flight.html#order=order-0010", "report.html", "../index.html"):
        page.goto(f"{written.as_uri()}/{name}")
        page.evaluate(AXE.read_text())
        violations = page.evaluate("axe.run({ exclude: ['datalist'] })")[
            "violations"
        ]  # 2,000 options, all alike
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations] == [], name
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (name, width)


@pytest.mark.page
def test_order_of_a_report_links_to_its_way_in_the_recorder(page: Page, written: Path) -> None:
    page.goto((written / "report.html").as_uri())
    page.get_by_role("link", name="order-0010").first.click()
    expect(page.locator("[data-flight=told]")).to_contain_text("order-0010: 11 steps, at last table")
    page.evaluate("location.hash = 'order=order-0020'")
    expect(page.locator("[data-flight=told]")).to_contain_text("order-0020")


@pytest.mark.page
def test_slider_says_where_the_orders_are_and_what_is_in_force(page: Page) -> None:
    slider = page.get_by_label("Moment of the run")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(rf"table {ORDERS}, DLQ 0, given up 0$"))
    slider.fill("10000")
    expect(slider).to_have_attribute(
        "aria-valuetext", re.compile(r"^10\.0 s of 60\.0 s; API 0, queue \d+, .*DLQ [1-9]")
    )
    expect(page.locator("[data-flight=force]")).to_have_text("an outage")
    slider.press("End")
    expect(page.locator("[data-flight=force]")).to_have_text("no fault, no alarm")


@pytest.mark.page
def test_time_goes_on_while_it_plays_and_stands_when_it_is_paused(page: Page) -> None:
    clock = page.locator("[data-flight=clock]")
    page.get_by_label("Speed").select_option("5")
    page.get_by_role("button", name="Play").click()
    expect(clock).not_to_have_text(re.compile(r"^(0\.0|60\.0) s"), timeout=20_000)
    page.get_by_role("button", name="Pause").click()
    stood = clock.inner_text()
    page.wait_for_timeout(300)
    assert clock.inner_text() == stood
