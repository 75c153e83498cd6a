from lab.pipeline.timeline import EARLIER, Sample, Span, Timeline, since


def test_a_copy_of_a_timeline_does_not_grow_with_later_samples() -> None:
    timeline = Timeline()
    sample = Sample(at=0.5, queued=1, in_flight=0, dlq=0, processed=0, alarms={})
    timeline.samples.append(sample)
    known = timeline.so_far()
    timeline.samples.append(sample)
    timeline.spans.append(Span("fault", 0, 1))
    assert known.samples == [sample]
    assert known.spans == []
    assert known.started == timeline.started


def test_alarm_that_rang_at_the_start_counts_again_once_it_was_silent() -> None:
    seen = [{"critical-a": state} for state in ("ALARM", "ALARM", "OK", "ALARM")]
    before = {"critical-a": EARLIER}
    states: list[str] = []
    for now in seen:
        before = since(before, now)
        states.append(before["critical-a"])
    assert states == [EARLIER, EARLIER, "OK", "ALARM"]
