"""A run from stage to stage, on a clock and with a queue that the test moves."""

from dataclasses import dataclass, field, replace

import pytest

from lab.pipeline.observe import Depth
from lab.pipeline.signals import Rates, Signals
from loadtests.order_log import OrderLog
from loadtests.run import LEAVING_RATE, Run, Traffic, until
from loadtests.shapes import planned
from loadtests.thresholds import Thresholds

DRAIN_SECONDS = 30.0
READING = Signals(0.0, 0.1, Depth(0, 0, 0), Depth(0, 0, 0), 0.0, Rates(), None, {}, {})


@dataclass
class World:
    """What a run sees: the time, a queue, and how many users there are."""

    now: float = 1000.0
    waiting: int = 0
    users: int = 0
    missed: int = 0
    readings: list[Signals] = field(default_factory=list)

    @property
    def latest(self) -> Signals:
        return replace(READING, at=self.now, queue=Depth(self.waiting, 0, 0))

    def clock(self) -> float:
        return self.now

    def traffic(self) -> Traffic:
        return Traffic(self.users, 0, 0, None)


def run_of(world: World, shape: str, *, reporting_seconds: float = 0.0) -> Run:
    thresholds = Thresholds(drain_seconds=DRAIN_SECONDS)
    return Run(
        planned(shape, 7, 10),
        thresholds,
        None,  # type: ignore[arg-type]
        world,  # type: ignore[arg-type]
        OrderLog(),
        world.traffic,
        reporting_seconds,
        clock=world.clock,
    )


def play(run: Run, world: World, seconds: float) -> list[tuple[int, float] | None]:
    """Let that much time pass in steps of a second; what the run asked for in each."""
    asked: list[tuple[int, float] | None] = []
    for _ in range(int(seconds)):
        wanted = run.tick(world.now - run.started)
        asked.append(wanted)
        if wanted is None:
            break
        world.users = wanted[0]
        world.now += 1
    return asked


def test_a_spike_asks_for_users_stage_by_stage_and_then_for_none() -> None:
    world = World()
    run = run_of(world, "spike")
    asked = play(run, world, 40)
    assert [answer[0] for answer in asked if answer] == [7] * 10 + [70] * 10 + [7] * 10 + [0, 0]
    assert asked[-2:] == [(0, LEAVING_RATE), None]
    assert run.complete
    assert [name for _, name in run.marks] == ["usual", "spike", "back", "drain"]


def test_a_run_lasts_until_its_queue_is_empty() -> None:
    world = World(waiting=5)
    run = run_of(world, "steady")
    assert None not in play(run, world, 20)
    world.waiting = 0
    assert play(run, world, 3)[-1] is None


def test_a_queue_that_never_drains_does_not_keep_a_run_for_ever() -> None:
    world = World(waiting=5)
    run = run_of(world, "steady")
    asked = play(run, world, 100)
    assert asked[-1] is None
    assert len(asked) <= 10 + DRAIN_SECONDS + 3


def test_a_run_that_others_report_to_waits_for_their_reports() -> None:
    world = World()
    run = run_of(world, "steady", reporting_seconds=6)
    asked = play(run, world, 40)
    assert len([answer for answer in asked[10:] if answer]) >= 6


def test_a_ramp_ends_at_the_first_step_that_leaves_a_backlog() -> None:
    world = World()
    run = run_of(world, "ramp")
    for step in range(10):
        for _ in range(10):
            wanted = run.tick(world.now - run.started)
            assert wanted is not None
            if not wanted[0]:
                break
            world.users, world.now = wanted[0], world.now + 1
            run.order_log.accept([f"{world.now}-{n}" for n in range(world.users)], world.now)
            world.waiting += 3 * (step >= 2)
        else:
            continue
        break
    assert [name for _, name in run.marks] == ["step 1", "step 2", "step 3", "drain"]


def test_a_ramp_that_finds_no_knee_ends_after_its_last_step() -> None:
    world = World()
    run = run_of(world, "ramp")
    asked = play(run, world, 400)
    assert [answer[0] for answer in asked if answer][::10][:20] == [7 * step for step in range(1, 21)]
    assert run.complete


def test_a_run_that_was_stopped_is_not_complete() -> None:
    world = World()
    run = run_of(world, "spike")
    play(run, world, 15)
    run.wind_up()
    assert not run.complete


@pytest.mark.parametrize(("since", "seconds"), [(1000, 3.0), (1003, 0.0), (1004, 1.0), (1006, None)])
def test_a_drain_takes_until_the_first_reading_of_which_it_holds(since: float, seconds: float | None) -> None:
    depths = [9, 8, 4, 0, 7, 0]
    readings = [replace(READING, at=1000.0 + n, queue=Depth(d, 0, 0)) for n, d in enumerate(depths)]
    assert until(readings, since, lambda reading: reading.queue.total == 0) == seconds
