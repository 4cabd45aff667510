"""`python -m benchmarks.bench.load_steps STARTED FILE…`: a load that tells where its time goes, as one line of JSON.

The seconds from STARTED (of the epoch: when the process was started) to the end of our imports, those of importing dlt, of each of
dlt's steps, and of all the rest.
"""

from __future__ import annotations

import json
import sys
import time
from functools import wraps
from typing import Any


def main() -> None:
    """Time dlt's three steps as its pipeline calls them."""
    from ingestion.loading.load import load

    seconds = {"python and our imports": time.time() - float(sys.argv[1])}
    began = time.perf_counter()
    import dlt  # noqa: F401
    from dlt.pipeline.pipeline import Pipeline

    seconds["import of dlt"] = time.perf_counter() - began
    for step in ("extract", "normalize", "load"):
        setattr(Pipeline, step, _timed(getattr(Pipeline, step), f"dlt's {step}", seconds))
    started = time.perf_counter()
    load(sys.argv[2:])
    steps = sum(taken for name, taken in seconds.items() if name.startswith("dlt's"))
    seconds["the rest of the load"] = time.perf_counter() - started - steps
    print(json.dumps(seconds))


def _timed(method: Any, name: str, seconds: dict[str, float]) -> Any:
    @wraps(method)
    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return method(*arguments, **options)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began

    return timed


if __name__ == "__main__":
    main()
