"""The failure mode is in several parameters, any of which puts it in force: all are shown, ended and restored."""

import pytest

from lab.commands import mode
from lab.errors import LabError
from lab.faults import catalogue as faults
from lab.faults import failure_mode
from lab.faults.changes import HIDDEN, Changes
from lab.games import breakfix
from lab.games.puzzles import PUZZLES
from lab.pipeline.observe import Pipeline
from tests.support.parameter_store import Parameters, pipeline_of

OWN, PLAIN = "/ingestion/dev/failure_mode", "/ingestion/failure_mode"
SECOND_PARAMETER = next(puzzle for puzzle in PUZZLES if puzzle.answer == "second-parameter")


@pytest.fixture
def parameters() -> Parameters:
    parameters = Parameters()
    parameters.values = {OWN: "none", PLAIN: "none"}
    return parameters


@pytest.fixture
def pipeline(parameters: Parameters) -> Pipeline:
    return pipeline_of(parameters)


@pytest.mark.parametrize(
    ("own", "plain", "shown"),
    [
        ("none", "none", "none"),
        ("none", "poison_payload", "poison_payload"),
        ("poison_payload", "none", "poison_payload"),
        ("duplicate_submit", "poison_payload", "duplicate_submit"),
    ],
)
def test_mode_of_either_parameter_is_shown(
    pipeline: Pipeline, parameters: Parameters, own: str, plain: str, shown: str
) -> None:
    parameters.values = {OWN: own, PLAIN: plain}
    assert (failure_mode.shown(pipeline), pipeline.failure_mode()) == (shown, shown)


def test_mode_none_ends_the_mode_of_every_parameter(pipeline: Pipeline, parameters: Parameters) -> None:
    parameters.values = {OWN: "slow_downstream", PLAIN: "poison_payload"}
    failure_mode.put_in_force(pipeline, "none")
    assert parameters.values == {OWN: "none", PLAIN: "none"}


def test_another_mode_is_in_force_although_the_plain_parameter_names_one(
    pipeline: Pipeline, parameters: Parameters
) -> None:
    parameters.values[PLAIN] = "poison_payload"
    failure_mode.put_in_force(pipeline, "duplicate_submit")
    assert failure_mode.shown(pipeline) == "duplicate_submit"


def test_undone_fault_leaves_a_strangers_mode_in_force_and_shown(
    pipeline: Pipeline, parameters: Parameters
) -> None:
    parameters.values[PLAIN] = "poison_payload"
    with Changes(pipeline).temporarily(faults.failure_mode("slow_downstream"), why="a test", seconds=60):
        assert failure_mode.shown(pipeline) == "slow_downstream"
    assert failure_mode.shown(pipeline) == "poison_payload"
    assert parameters.values == {OWN: "none", PLAIN: "poison_payload"}


def test_deleted_parameter_counts_as_none_and_is_made_again_by_writing(
    pipeline: Pipeline, parameters: Parameters
) -> None:
    parameters.values = {}
    assert failure_mode.shown(pipeline) == "none"
    failure_mode.put_in_force(pipeline, "none")
    assert parameters.values == {OWN: "none", PLAIN: "none"}


def test_mode_that_nobody_reads_is_refused_with_how_to_switch_modes_on(
    pipeline: Pipeline, parameters: Parameters
) -> None:
    parameters.are_read = False
    with pytest.raises(LabError, match="No function of dev reads the failure mode") as raised:
        failure_mode.put_in_force(pipeline, "poison_payload")
    assert "enableFailureModes=true" in raised.value.fix
    with pytest.raises(LabError, match="No function of dev"):
        Changes(pipeline).make(faults.failure_mode("poison_payload"), why="a test", seconds=60)
    assert parameters.values == {OWN: "none", PLAIN: "none"}


def test_mode_that_nobody_reads_can_be_ended(pipeline: Pipeline, parameters: Parameters) -> None:
    parameters.are_read, parameters.values[OWN] = False, "poison_payload"
    failure_mode.put_in_force(pipeline, "none")
    assert parameters.values == {OWN: "none", PLAIN: "none"}


@pytest.mark.parametrize("are_read", [True, False])
def test_command_that_shows_the_mode_tells_that_nobody_reads_it(
    pipeline: Pipeline,
    parameters: Parameters,
    are_read: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parameters.are_read = are_read
    monkeypatch.setattr("lab.commands.mode.connect", lambda _port, _env: (pipeline, None))
    mode.mode()
    shown, *more = capsys.readouterr().out.splitlines()
    assert shown == "none"
    assert ("enableFailureModes=true" in " ".join(more)) is not are_read


def test_environment_other_than_dev_has_one_parameter(parameters: Parameters) -> None:
    parameters.values = {PLAIN: "poison_payload", "/ingestion/test/failure_mode": "none"}
    pipeline = pipeline_of(parameters, "test")
    assert failure_mode.shown(pipeline) == "none"
    failure_mode.put_in_force(pipeline, "none")
    assert parameters.values[PLAIN] == "poison_payload"


def test_puzzle_about_a_parameter_that_is_not_there_is_refused(parameters: Parameters) -> None:
    parameters.values = {"/ingestion/test/failure_mode": "none"}
    with pytest.raises(LabError, match="test does not have what this puzzle breaks"):
        breakfix.break_it(pipeline_of(parameters, "test"), name=SECOND_PARAMETER.name)
    assert breakfix.active(pipeline_of(parameters, "test")) is None


class TestOpenPuzzle:
    """What a puzzle has put into one parameter is its secret."""

    @pytest.fixture(autouse=True)
    def broken(self, pipeline: Pipeline) -> None:
        Changes(pipeline).make(SECOND_PARAMETER.change, why=HIDDEN, seconds=None)

    def test_mode_of_a_puzzle_is_in_force_but_not_shown(self, pipeline: Pipeline) -> None:
        assert (pipeline.failure_mode(), failure_mode.shown(pipeline)) == ("slow_downstream", "none")

    def test_mode_of_the_other_parameter_is_shown(self, pipeline: Pipeline, parameters: Parameters) -> None:
        parameters.values[OWN] = "poison_payload"
        assert failure_mode.shown(pipeline) == "poison_payload"

    def test_mode_none_does_not_mend_a_puzzle_by_chance(
        self, pipeline: Pipeline, parameters: Parameters
    ) -> None:
        parameters.values[OWN] = "poison_payload"
        failure_mode.put_in_force(pipeline, "none")
        assert (parameters.values[OWN], parameters.values[PLAIN]) == ("none", "slow_downstream")

    def test_fault_beside_a_puzzle_neither_mends_nor_repeats_it(
        self, pipeline: Pipeline, parameters: Parameters
    ) -> None:
        with Changes(pipeline).temporarily(faults.failure_mode("poison_payload"), why="a test", seconds=60):
            parameters.values[PLAIN] = "none"
        assert (parameters.values[OWN], parameters.values[PLAIN]) == ("none", "none")

    def test_repair_restores_both_parameters(self, pipeline: Pipeline, parameters: Parameters) -> None:
        changes = Changes(pipeline)
        changes.undo_all(changes.active())
        assert parameters.values == {OWN: "none", PLAIN: "none"}
