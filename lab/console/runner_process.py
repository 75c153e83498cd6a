"""A scenario, or the way back to the steady state, as a process that the console watches and can cancel.

Usage: python -m lab.console.runner_process PORT ENV scenario NAME [without-fault] [GUESSES]
       python -m lab.console.runner_process PORT ENV steady
       python -m lab.console.runner_process PORT ENV cost ORDERS PER_SECOND MONTH
       python -m lab.console.runner_process PORT ENV gameday NAME FASTER [PERSON: ROLE]...
       python -m lab.console.runner_process PORT ENV challenge NAME HANDLER SEED
       python -m lab.console.runner_process PORT ENV synth

GUESSES are a person's predictions, as JSON: [{"act": ..., "name": ..., "guess": ...}].

Each line of its output is a JSON object: {"say": line of progress}, {"error": {what, fix}}, or what the pages show of
a scenario. When its standard input closes it is interrupted, like a command by Ctrl-C: a scenario rolls back.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Generator
from dataclasses import asdict
from typing import Any

from lab import engines, report
from lab.challenge.service import judge, solutions
from lab.common import paths
from lab.common.interrupts import unwind_when_ended
from lab.common.progress import Progress
from lab.common.results import Result, misses, score, tally
from lab.console.routes.cost import tables
from lab.cost.last import engine_log
from lab.cost.workload import healthy, play
from lab.deployment.aws_account import cdk, environments
from lab.deployment.aws_account.plan import templates
from lab.engines import clients as guarded
from lab.engines.aws_errors import AWS_ERRORS, explained
from lab.errors import LabError
from lab.faults import steady_state as steady
from lab.faults.healing import connect
from lab.games.game import play as play_game
from lab.games.gameday import GAMEDAYS
from lab.games.score import report_of, times
from lab.games.score import score as score_of
from lab.parity.page import differences
from lab.scenario.catalog import load
from lab.scenario.experiment import Experiment
from lab.scenario.guesses import judged, remembered
from lab.scenario.runner import Runner

TELL_SECONDS = 0.5
INTERRUPTED = 130


def tell(**told: Any) -> None:
    """One line of output. Nobody may be there to read it, which is not a reason to stop."""
    with contextlib.suppress(OSError):
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def say(line: str) -> None:
    """One line of progress."""
    tell(say=line)


def scenario(port: int, env: str, name: str, *options: str) -> None:
    """Run one scenario, judge the guesses, and write its report. Raises LabError unless it passes."""
    entry = load(name)
    given: list[dict[str, str]] = json.loads(next((each for each in options if each.startswith("[")), "[]"))
    tell(guesses=given)
    pipeline, engine = connect(port, env)
    runner = Runner(
        pipeline,
        engine,
        say,
        faultless="without-fault" in options,
        watch=shown,
        differs=differences(engines.present(port).packaging),
    )
    run = runner.run(entry)
    if given:
        guesses = {(guess["act"], guess["name"]): guess["guess"] for guess in given}
        run.findings = judged(entry.scenario, run.findings, guesses)
        remembered(name, run.findings)
        tell(**told(run.findings), score=score(run.findings), misses=misses(run.findings))
    page = report.write(run, entry.scenario.alarms)
    tell(**told(run.findings), report=f"{page.parent.name}/{page.name}")
    say(f"{'passed' if run.passed else 'FAILED'} in {run.seconds:.0f} s: {tally(run.findings)}")
    if not run.passed:
        raise LabError(f"{name} failed: {tally(run.findings)}.", "Read its report for what was seen instead.")


def back(port: int, env: str) -> None:
    """Bring the steady state back, and see that it holds."""
    pipeline, _ = connect(port, env)
    steady.restore(pipeline, say)
    steady.require(pipeline)
    say("steady: queues empty, no fault in force, circuits closed, alarms silent")


def cost(port: int, env: str, orders: str, per_second: str, month: str) -> None:
    """Send orders through the pipeline, and tell what they and a month of them would cost."""
    pipeline, _ = connect(port, env)
    say(f"{orders} orders at {per_second} a second")
    usage = play(pipeline, engine_log(port), healthy, int(orders), float(per_second))
    tell(bill=tables(pipeline, "orders sent for this", usage, int(month)))
    say(f"{usage.orders} orders priced")


def gameday(port: int, env: str, name: str, faster: str, *team: str) -> None:
    """Play a GameDay to its end, whoever asks for what at its desk meanwhile, and write its report."""
    day = GAMEDAYS[name].faster(float(faster))
    pipeline, engine = connect(port, env)
    with play_game(day, pipeline, say, team=team) as game:
        while not game.over:
            game.finished.wait(TELL_SECONDS)
        card = score_of(game)
        finished = report_of(game, card, engine.name)
        page = report.write(finished, ["critical-dlq-depth"])
    Progress().note("gameday", name, "played", times=times(card), hints=card.hints, team=list(team))
    tell(report=f"{page.parent.name}/{page.name}")
    if finished.exit_code:
        raise LabError(f"{name}: an order is unaccounted for.", "Read its report for which one.")


def challenge(port: int, env: str, name: str, handler: str, seed: str) -> None:
    """Judge a handler by a challenge. Raises LabError unless it keeps every promise."""
    engine = engines.present(port)
    engine.require_running()
    aws = guarded.local(engine.endpoint)
    local = engine.runs.local_functions
    verdict = judge(aws, env, name, handler, seed=int(seed), local_functions=local, say=say)
    tell(
        verdict=list(verdict.lines),
        names=verdict.names,
        untested=verdict.untested,
        hint="" if verdict.passed else verdict.challenge.hint,
    )
    if not verdict.passed:
        broken = verdict.untested or ", ".join(verdict.names) or verdict.unloaded
        raise LabError(
            f"{handler} does not pass {name}: {broken}.", "Read which order it was, and its timeline."
        )
    tell(solutions=solutions(verdict.challenge))


def synth(_port: int, env: str) -> None:
    """Write the templates for AWS, as `lab aws synth` does, and tell how many resources of which type each holds."""
    say("synthesizing; no account is touched")
    cdk.synth(environments.chosen(env, {}), cdk.without_credentials(os.environ.get("AWS_REGION")))
    found = templates(paths.AWS_ASSEMBLY)
    types = {
        name: Counter(resource["Type"] for resource in template["Resources"].values())
        for name, template in found.items()
    }
    tell(templates={name: dict(counts.most_common()) for name, counts in types.items()})
    say(f"templates, for any account: {paths.AWS_ASSEMBLY.relative_to(paths.ROOT)}")


@contextlib.contextmanager
def shown(experiment: Experiment, findings: list[Result]) -> Generator[None]:
    """Tell of a run while it lasts."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(TELL_SECONDS):
            tell(**told(findings), now=[asdict(sample) for sample in experiment.timeline.samples[-1:]])

    thread = threading.Thread(target=watch, daemon=True, name="tell")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def told(findings: list[Result]) -> dict[str, Any]:
    """What has been decided so far."""
    return {"findings": [result.document for result in findings]}


def interrupted_at_end_of_input() -> None:
    """Interrupt the main thread when nobody is at the other end any more, or has closed it."""

    def wait() -> None:
        sys.stdin.read()
        # Not SIGINT: it is ignored where a shell has put the console in the background.
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="input").start()


JOBS = {
    "scenario": scenario,
    "steady": back,
    "cost": cost,
    "gameday": gameday,
    "challenge": challenge,
    "synth": synth,
}


def failed(error: LabError) -> int:
    tell(error={"what": error.what, "fix": error.fix})
    return 1


def main(arguments: list[str]) -> int:
    port, env, kind, *rest = arguments
    unwind_when_ended()
    interrupted_at_end_of_input()
    try:
        JOBS[kind](int(port), env, *rest)
    except LabError as error:
        return failed(error)
    except AWS_ERRORS as error:
        return failed(explained(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
