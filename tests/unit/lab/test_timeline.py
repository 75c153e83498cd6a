from lab.pipeline.timeline import Sample, Span, Timeline


def test_what_is_known_so_far_does_not_grow_with_what_comes_later() -> None:
    timeline = Timeline()
    sample = Sample(at=0.5, queued=1, in_flight=0, dlq=0, processed=0, alarms={})
    timeline.samples.append(sample)
    known = timeline.so_far()
    timeline.samples.append(sample)
    timeline.spans.append(Span("fault", 0, 1))
    assert known.samples == [sample]
    assert known.spans == []
    assert known.started == timeline.started
