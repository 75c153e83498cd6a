"""One long job at a time, whose state everybody sees."""

import threading

import pytest

from lab.console.jobs import CancelledError, Job, Jobs, Status
from lab.errors import LabError


class Work:
    """Work that ends when it is told to, or is cancelled."""

    kind = "test"
    title = "Work"

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = threading.Event()
        self._error = error
        self._cancelled = False

    def run(self, job: Job) -> None:
        job.say("begun")
        job.tell(done=1)
        job.tell(more=2)
        assert self.may_end.wait(5)
        if self._cancelled:
            raise CancelledError
        if self._error:
            raise self._error

    def cancel(self) -> None:
        self._cancelled = True
        self.may_end.set()


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def jobs(seen: list[str]) -> Jobs:
    return Jobs(lambda job: seen.append(job.status))


def test_a_second_job_is_refused_until_the_first_has_ended(jobs: Jobs) -> None:
    first = Work()
    jobs.start(first)
    with pytest.raises(LabError, match="Work is still under way"):
        jobs.start(Work())
    first.may_end.set()
    assert jobs.wait(5)
    second = Work()
    assert jobs.start(second).number == 2
    second.may_end.set()
    assert jobs.wait(5)


def test_progress_is_kept_and_told(jobs: Jobs, seen: list[str]) -> None:
    work = Work()
    job = jobs.start(work)
    work.may_end.set()
    assert jobs.wait(5)
    shown = job.as_json()
    assert (shown["status"], shown["told"], shown["details"]) == (
        "succeeded",
        "begun",
        {"done": 1, "more": 2},
    )
    assert shown["ended"] >= shown["started"]
    assert (seen[0], seen[-1]) == ("running", "succeeded")


def test_a_cancelled_job_has_ended_as_such(jobs: Jobs, seen: list[str]) -> None:
    job = jobs.start(Work())
    jobs.cancel()
    assert jobs.wait(5)
    assert job.status is Status.CANCELLED
    assert "cancelling" in seen


def test_a_failed_job_shows_its_error_and_the_fix(jobs: Jobs) -> None:
    work = Work(LabError("The tea is cold.", "Boil water."))
    job = jobs.start(work)
    work.may_end.set()
    assert jobs.wait(5)
    assert (job.status, job.as_json()["error"]) == (
        "failed",
        {"what": "The tea is cold.", "fix": "Boil water."},
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_crashes_has_ended_too(jobs: Jobs) -> None:
    work = Work(ZeroDivisionError("oh"))
    job = jobs.start(work)
    work.may_end.set()
    assert jobs.wait(5)
    assert job.status is Status.FAILED
    assert "ZeroDivisionError" in job.as_json()["error"]["what"]
    assert not job.under_way


def test_a_job_that_has_ended_or_never_begun_cannot_be_cancelled(jobs: Jobs) -> None:
    with pytest.raises(LabError, match="Nothing is under way"):
        jobs.cancel()
    work = Work()
    job = jobs.start(work)
    work.may_end.set()
    assert jobs.wait(5)
    with pytest.raises(LabError, match="Nothing is under way"):
        jobs.cancel()
    assert job.status is Status.SUCCEEDED
