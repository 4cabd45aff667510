"""What the application has while it runs, for the endpoints."""

from dataclasses import dataclass

from fastapi import Request

from api.beside import Stations
from api.contracts import Contracts
from api.database import Database
from api.freshness import Watch
from api.kept import Kept
from api.keys import Keys
from api.metrics import Metrics
from api.pipeline import Pipeline
from api.settings import Settings


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
