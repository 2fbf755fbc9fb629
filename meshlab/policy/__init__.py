"""The policies, judged without an engine."""
