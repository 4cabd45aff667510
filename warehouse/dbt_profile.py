"""dbt_project/profiles.yml (stub)."""

from pathlib import Path


def refresh(home: Path) -> None:
    return None
