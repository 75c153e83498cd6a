"""How a game went: the score card, and the run that its report is written of."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from lab.common.polling import wait_for
from lab.errors import LabError
from lab.games.game import DRAIN_SECONDS, Game, Incident
from lab.games.gameday import moment
from lab.history import Account
from lab.history.results import results
from lab.pipeline.timeline import Span
from lab.report import Run

NEVER = "not at all"


@dataclass(frozen=True)
class ScoreCard:
    """How it went. Seconds since the first inject, or since the last for recovery; None where it did not happen.

    An exercise has its incidents instead, each with its own times.
    """

    alarm_after: float | None
    declared_after: float | None
    recovered_after: float | None
    hints: int
    refused: int
    account: Account
    incidents: tuple[Incident, ...] = ()


def score(game: Game) -> ScoreCard:
    """The score card of a game that has ended, taken once its queue is empty or has had its time."""
    game.end()
    if waiting := game.pipeline.queue().total:
        game.say(f"waiting for the last {waiting} orders")
    samples = game.timeline.samples
    began, over = (game.injected_at[0], game.injected_at[-1]) if game.injected_at else (None, None)
    complete = len(game.injected_at) == len(game.day.injects)

    def well() -> list[float]:
        if over is None or not complete:
            return []
        return [s.at for s in samples if s.at >= over and not (s.queued or s.in_flight)]

    with contextlib.suppress(LabError):
        wait_for(
            "an empty queue",
            lambda: game.pipeline.queue().total == 0 and (well() or not complete),
            bool,
            within=DRAIN_SECONDS,
        )
    recovered = well()
    _spans(game, began, over)
    rang = [s.at for s in samples if began is not None and s.at >= began and "ALARM" in s.alarms.values()]
    return ScoreCard(
        alarm_after=rang[0] - began if rang and began is not None else None,
        declared_after=game.declared_at - began
        if game.declared_at is not None and began is not None
        else None,
        recovered_after=recovered[0] - over if recovered and over is not None else None,
        hints=game.hints_given,
        refused=game.refused,
        account=game.recorder.account(),
        incidents=tuple(game.incidents),
    )


def _spans(game: Game, began: float | None, over: float | None) -> None:
    """The times at which something was broken, for the chart."""
    if began is None or over is None:
        return
    if not game.incidents:
        game.timeline.spans.append(Span(game.day.injects[0].told, began, over))
    starts = [at for at, inject in zip(game.injected_at, game.day.injects, strict=False) if inject.repair]
    for start, incident in zip(starts, game.incidents, strict=False):
        lasted = (incident.repaired if incident.repaired is not None else game.clock) - incident.began
        game.timeline.spans.append(Span(incident.inject.told, start, start + lasted))


def times(card: ScoreCard) -> dict[str, str]:
    """The times of a score card, by what each is the time to."""
    if card.incidents:
        return {
            f"{number}. to {name}": _after(at, incident.began)
            for number, incident in enumerate(card.incidents, 1)
            for name, at in _ends(incident).items()
        }
    return {
        name: NEVER if seconds is None else f"{seconds:.1f} s"
        for name, seconds in (
            ("to detect: first alarm", card.alarm_after),
            ("to declare: the team said so", card.declared_after),
            ("to recover: queue empty after the last inject", card.recovered_after),
        )
    }


def _ends(incident: Incident) -> Mapping[str, float | None]:
    return {
        "detect (alarm)": incident.detected,
        "declare": incident.declared,
        "diagnose": incident.diagnosed,
        "repair": incident.repaired,
        "recover": incident.recovered,
    }


def _after(at: float | None, began: float) -> str:
    return NEVER if at is None else moment(at - began)


def report_of(game: Game, card: ScoreCard, engine: str) -> Run:
    """The run that the report is written of, with the whole timeline."""
    counts = {
        "hints taken": str(card.hints),
        "team": ", ".join(game.team),
        "requests refused": str(card.refused),
    }
    told = [
        f"Incident {number}: {incident.inject.told} The repair: {incident.inject.repair}."
        for number, incident in enumerate(card.incidents, 1)
    ]
    return Run(
        f"gameday-{game.day.name}",
        f"GameDay: {game.day.title}",
        engine,
        game.timeline.so_far(),
        account=card.account,
        findings=list(results(card.account)),
        timings=times(card),
        figures={name: value for name, value in counts.items() if value},
        story=told,
        moments=list(game.moments),
    )
