"""A long history without its files: what `velib load` would have written into `raw`, written there straight from the simulator.

A year of Paris is 250 GB of files. The simulator knows what has changed since the last snapshot, so no file need be written, read
or compared: `told` makes change sets of it, `writer` hands them to the loader's own last step, `run` does both for as long as
asked and writes those few snapshots as files that later loads have to find (`python -m benchmarks.history`).
tests/integration/ingestion/capture/test_history.py loads the same snapshots from files and compares.
"""
