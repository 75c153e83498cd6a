import pytest

from functions.common.settings import ConfigurationError, ingest_settings, worker_settings

SHARED = {
    "ENV_NAME": "dev",
    "CODE_VERSION": "abc",
    "FAILURE_MODE_PARAMETERS": "/a, /b",
    "FAILURE_MODE_MAX_AGE_SECONDS": "1",
}
INGEST = SHARED | {"QUEUE_URL": "http://q", "SEND_BATCH_BYTES": "262144"}
WORKER = SHARED | {
    "QUEUE_URL": "http://q",
    "DLQ_URL": "http://d",
    "ORDERS_TABLE": "orders",
    "IDEMPOTENCY_TABLE": "idempotency",
    "CIRCUITS_TABLE": "circuits",
    "EVENT_BUS_NAME": "bus",
    "MAX_RECEIVE_COUNT": "5",
    "RETRY_BASE_SECONDS": "6",
    "RETRY_CAP_SECONDS": "300",
    "ALARM_PERIOD_SECONDS": "60",
    "TTL_DAYS": "7",
    "BREAKER_STRATEGY": "defer",
    "IDEMPOTENCY_IN_PROGRESS_SECONDS": "30",
}


def test_settings_are_typed() -> None:
    settings = ingest_settings(INGEST)
    assert settings.failure_mode_parameters == ("/a", "/b")
    assert settings.send_batch_bytes == 262_144


def test_times_that_depend_on_others_keep_their_proportions() -> None:
    settings = worker_settings(WORKER)
    assert settings.recovery_seconds == 30
    assert settings.deadline_seconds == 3.0


def test_a_pause_lasts_as_long_as_is_said_at_least() -> None:
    paused = WORKER | {"BREAKER_STRATEGY": "pause", "VALVE_QUEUE_URL": "q", "LEAST_PAUSE_SECONDS": "120"}
    assert worker_settings(paused).recovery_seconds == 120
    assert worker_settings(paused | {"BREAKER_STRATEGY": "defer"}).recovery_seconds == 30
    assert worker_settings(paused | {"RETRY_BASE_SECONDS": "60"}).recovery_seconds == 300


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"QUEUE_URL": ""}, "QUEUE_URL is not set"),
        ({"MAX_RECEIVE_COUNT": "five"}, "MAX_RECEIVE_COUNT=five must be a whole number from 1 to 1000"),
        ({"RETRY_BASE_SECONDS": "-1"}, "RETRY_BASE_SECONDS=-1 must be"),
        ({"BREAKER_STRATEGY": "hope"}, "BREAKER_STRATEGY=hope must be one of none, defer, pause"),
    ],
    ids=["missing", "no number", "negative", "unknown word"],
)
def test_a_wrong_variable_is_named_with_its_rule(change: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        worker_settings(WORKER | change)
