"""What a build need not make again: seeds, and the views and tables that only the project's SQL decides, not what was loaded.

A run of everything that succeeds notes in intermediate.standing what the project was like, which nodes these are and which
relations (dbt_project/macros/engine/standing.sql). Each other run of dbt that makes anything takes the note's force away before it
begins. So a note in force says: nothing but builds of this very project has touched them since. Whether they are still
there is looked up each time.
"""

import hashlib
import os
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING

from velib.core import settings

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg2.extensions import connection as Connection  # noqa: N812

# By this the macros know that the run is of everything, and what of.
EVERYTHING = "VELIB_BUILD_OF_EVERYTHING"

# What lies in dbt's folder and is none of the project: dbt's own files, and the profile.
_NOT_PROJECT = {"target", "logs", "dbt_packages", "profiles.yml", ".user.yml", "__pycache__"}
# Set by ourselves, and of no consequence to what is built. Any other variable of dbt's may have one.
_HARMLESS = {"DBT_PROFILES_DIR", "DBT_SEND_ANONYMOUS_USAGE_STATS"}


def dbt_is_as_written() -> bool:
    """Whether dbt does what the project's files say: nothing in the environment tells it otherwise."""
    return not any(name.startswith("DBT_") and name not in _HARMLESS for name in os.environ)


def fingerprint() -> str:
    """Of all that decides what dbt makes of a warehouse: the project's files and dbt's versions."""
    digest = hashlib.sha256(f"{version('dbt-core')} {version('dbt-postgres')}".encode())
    root = settings.dbt_project()
    for file in sorted(_files(root)):
        content = file.read_bytes()
        digest.update(f"\0{file.relative_to(root)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(folder: "Path") -> Iterator["Path"]:
    for entry in folder.iterdir():
        if entry.name in _NOT_PROJECT:
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.is_file():
            yield entry


def to_leave_out(connection: "Connection", project: str) -> list[str]:
    """dbt's arguments that leave out what stands as a run of this project would make it; none where that is not sure."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('intermediate.standing') is not null")
        if cursor.fetchone() != (True,):
            return []
        cursor.execute(
            """
            select nodes from intermediate.standing
            where fingerprint = %s and is_in_force and not exists (
                select from jsonb_array_elements_text(relations) as relation where to_regclass(relation) is null
            )
            """,
            (project,),
        )
        row = cursor.fetchone()
    # A view is left out, not its tests: what they see is new.
    return ["--indirect-selection", "empty", "--exclude", *row[0]] if row and row[0] else []
