"""What a risk team reads: metrics of a run, streamed from its events (`docs/metrics.md`)."""
