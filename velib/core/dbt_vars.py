"""The vars of dbt_project.yml, for what Python has to know of them too: each threshold has its one home there.

What a mart was built with may differ: `dbt build --vars` says otherwise for once (velib/monitoring/collection_gap.py asks).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from velib.core import settings
from velib.core.errors import VelibError


def var(name: str) -> Any:
    """What dbt_project.yml says of it."""
    found = _vars()
    if name not in found:
        raise VelibError(f"{settings.dbt_project() / 'dbt_project.yml'} does not say the var {name}")
    return found[name]


@cache
def _vars() -> dict[str, Any]:
    import yaml  # only for whoever asks: a load of snapshots does not

    path = settings.dbt_project() / "dbt_project.yml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise VelibError(f"cannot read {path}: {str(error).splitlines()[0]}") from None
    found = content.get("vars") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
