from lab.pipeline.timeline import Sample, Span, Timeline


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
