"""OpenTelemetry for the functions. Bundled, and its handler deployed, only with the setting enableTracing.

One span for each invocation, one for each message that is processed, one for each AWS API call. A message takes its
trace along in the attribute `traceparent` (W3C Trace Context); when it dies, the attribute moves into its lineage with
whatever else is not the lab's own, so that SQS's ten attributes suffice. Spans are lines of the function's log, which
`lab trace` reads; with OTEL_EXPORTER_OTLP_ENDPOINT (or ..._TRACES_ENDPOINT) set they also go to that endpoint.
"""
