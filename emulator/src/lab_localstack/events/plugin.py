"""Selected by `PROVIDER_OVERRIDE_EVENTS=lab`."""

from localstack.services.plugins import Service, aws_provider

DELIVERING_THREADS = 8


@aws_provider(api="events", name="lab")
def events() -> Service:
    """EventBridge with metrics and targets called in process."""
    from localstack.services.events.target import TargetSenderFactory

    from lab_localstack.corrections import patches
    from lab_localstack.events.provider import LabEventsProvider, SnsSender, SqsSender
    from lab_localstack.speedups.patches import use_a_pool_for_events

    patches.use_own_entry_check()
    patches.read_json_within_bounds("events.archive", "events.provider", "events.target", "events.utils")
    patches.match_within_bounds()
    patches.take_input_paths_of_any_event()
    use_a_pool_for_events(DELIVERING_THREADS)
    TargetSenderFactory.register_target_sender("sns", SnsSender)
    TargetSenderFactory.register_target_sender("sqs", SqsSender)
    return Service.for_provider(LabEventsProvider())
