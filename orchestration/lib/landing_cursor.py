"""When the landing sensor starts a run: pure decisions on a cursor.

The cursor moves only after success. It holds the fingerprint that was last loaded, and the one that a run was started for; the
second becomes the first when that run has succeeded. After a failed run the same files are tried again, at growing intervals;
files that landed since are tried at once.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Literal

RETRY_SECONDS = 60
RETRY_SECONDS_MAX = 3600


@dataclass(frozen=True)
class Outcome:
    """What became of the last run that was asked for."""

    status: Literal["none", "succeeded", "failed"]  # none: never asked for, or Dagster knows nothing of it (any more)
    ended_at: float = 0.0


@dataclass(frozen=True)
class Cursor:
    loaded: str | None = None
    tried: str | None = None
    attempts: int = 0
    run_key: str | None = None

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """A cursor that is not ours (someone typed it into the web interface) counts as none: nothing is lost by loading."""
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()

    def write(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Decision:
    cursor: Cursor
    start: bool
    reason: str = ""


def decide(before: Cursor, fingerprint: str, has_files: bool, last: Outcome, now: float) -> Decision:
    """Whether to start a run for what the landing zone holds now. Not to be asked while a run is under way."""
    cursor = before
    if last.status == "succeeded":
        cursor = Cursor(loaded=before.tried)
    if not has_files and cursor.loaded is None:
        return Decision(cursor, False, "no files yet")
    if fingerprint == cursor.loaded:
        return Decision(cursor, False, "nothing new")
    again = cursor.tried == fingerprint
    if again and last.status == "failed":
        wait = last.ended_at + min(RETRY_SECONDS * 2 ** (cursor.attempts - 1), RETRY_SECONDS_MAX) - now
        if wait > 0:
            return Decision(cursor, False, f"the last run failed ({cursor.attempts}×); again in {wait:.0f} s")
    attempts = cursor.attempts + 1 if again else 1
    # The time keeps the key unlike all before it, also when someone resets the cursor: Dagster runs no key twice.
    run_key = f"{fingerprint[:12]}-{int(now)}-{attempts}"
    return Decision(replace(cursor, tried=fingerprint, attempts=attempts, run_key=run_key), True)
