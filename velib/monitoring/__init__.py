"""Is all well? Status, freshness, gaps, jumps of size, and the alerts on them. Reads `raw` and `mart`; changes neither."""
