"""What dbt does again for each model, and we have it do once: a third of a short build's time.

All of it is dbt's private business, whose versions the lock pins. Should something here find no hold any more, dbt does it its own
way, and nothing is lost but the time.
"""

import atexit
import hashlib
import marshal
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from warehouse.files import write_atomically


@cache
def take(folder: Path) -> None:
    """For this process' dbt, and its forks'. `folder` is where compiled templates are kept from one run to the next."""
    for shortcut in (_say_only_what_is_heard, _keep_connections, _leave_columns, lambda: _keep_templates(folder)):
        try:
            shortcut()
        except (ImportError, AttributeError):
            continue


def _say_only_what_is_heard() -> None:
    """An event that no log wants is not made into a message first. There are 40 a model, nearly all of them for debugging."""
    from dbt.tracking import track_behavior_change_warn
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager

    fire = EventManager.fire_event
    detailed = (EventLevel.DEBUG, EventLevel.TEST)

    def fire_event(
        self: Any, e: Any, level: Any = None, node: Any = None, force_warn_or_error_handling: bool = False
    ) -> None:
        if (
            not force_warn_or_error_handling
            and all(callback is track_behavior_change_warn for callback in self.callbacks)
            and (level or e.level_tag()) is EventLevel.DEBUG
            and not any(logger.level in detailed for logger in self.loggers)
        ):
            return
        fire(self, e, level, node, force_warn_or_error_handling)

    EventManager.fire_event = fire_event  # type: ignore[method-assign]


def _keep_connections() -> None:
    """A thread's connection is kept from one model to the next: to connect costs both sides more than most statements."""
    from dbt.adapters.postgres.connections import PostgresConnectionManager

    release = PostgresConnectionManager.release

    def keep(self: Any) -> None:
        connection = self.get_if_exists()
        if connection is None or connection.state != "open" or connection.handle.closed:
            release(self)
        elif connection.transaction_open:
            self.rollback_if_open()
        else:
            connection.handle.rollback()

    PostgresConnectionManager.release = keep  # type: ignore[method-assign]


def _leave_columns() -> None:
    """No column of ours has a length that could have to grow: dbt would look, for each incremental model, at both its tables."""
    from dbt.adapters.sql.impl import SQLAdapter

    def expand_column_types(self: Any, goal: Any, current: Any) -> None: ...

    SQLAdapter.expand_column_types = expand_column_types  # type: ignore[method-assign]


def _keep_templates(folder: Path) -> None:
    """Jinja's templates stay compiled, as Python's modules do: in a file, by their text."""
    from jinja2 import Environment

    compile_template: Callable[..., Any] = Environment.compile
    file = folder / "templates.bin"
    versions = f"{sys.version} {version('jinja2')} {version('dbt-core')} {version('dbt-common')}"
    kept = _read(file, versions)
    used: dict[str, Any] = {}

    def compile_once(self: Any, source: Any, name: Any = None, filename: Any = None, **options: Any) -> Any:
        if not isinstance(source, str) or name or filename or options:
            return compile_template(self, source, name, filename, **options)
        kind = (type(self).__qualname__, self.code_generator_class.__qualname__, sorted(self.extensions))
        key = hashlib.sha256(f"{kind}\0{source}".encode()).hexdigest()
        code = kept.get(key) or compile_template(self, source)
        used[key] = code
        return code

    def write() -> None:
        if used.keys() - kept.keys():
            write_atomically(file, marshal.dumps((versions, used)))

    Environment.compile = compile_once  # type: ignore[method-assign, assignment]
    atexit.register(write)


def _read(file: Path, versions: str) -> dict[str, Any]:
    try:
        written_by, kept = marshal.loads(file.read_bytes())  # noqa: S302 (our own, as Python's .pyc)
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    return kept if written_by == versions else {}
