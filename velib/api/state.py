"""What the application has while it runs, for the endpoints."""

from dataclasses import dataclass

from fastapi import Request

from velib.api.beside import Stations
from velib.api.contracts import Contracts
from velib.api.database import Database
from velib.api.freshness import Watch
from velib.api.kept import Kept
from velib.api.keys import Keys
from velib.api.metrics import Metrics
from velib.api.pipeline import Pipeline
from velib.api.settings import Settings


@dataclass(frozen=True)
class State:
    settings: Settings
    contracts: Contracts
    database: Database
    watch: Watch
    kept: Kept
    keys: Keys
    pipeline: Pipeline
    stations: Stations
    metrics: Metrics
    # As whom corrections are written; None where nobody makes any.
    corrections: Database | None


def state_of(request: Request) -> State:
    state: State = request.app.state.velib
    return state
