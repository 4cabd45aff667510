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

from velib.core.files import write_atomically


@cache
def take(folder: Path) -> None:
    """For this process' dbt, and its forks'. `folder` is where compiled templates are kept from one run to the next."""
    for shortcut in (
        _say_only_what_is_heard,
        _make_messages_when_read,
        _keep_connections,
        _leave_columns,
        _sort_macros_once,
        _make_empty_tables_once,
        _draw_no_graph,
        lambda: _keep_templates(folder),
    ):
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


def _make_messages_when_read() -> None:
    """Of an event for debugging that nobody reads no message is made at all: dbt checks and converts each of its fields."""
    from dbt_common.events.base_types import BaseEvent, DebugLevel

    make, look_up, put = BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__

    def begin(self: Any, *args: Any, **kwargs: Any) -> None:
        if args or not isinstance(self, DebugLevel):
            make(self, *args, **kwargs)
        else:
            vars(self)["of"] = kwargs

    def made(self: Any) -> None:
        if (of := vars(self).pop("of", None)) is not None:
            make(self, **of)

    def get(self: Any, key: str) -> Any:  # of what the instance does not have itself
        made(self)
        return vars(self)["pb_msg"] if key == "pb_msg" and "pb_msg" in vars(self) else look_up(self, key)

    def set_(self: Any, key: str, value: Any) -> None:
        if key != "pb_msg":
            made(self)
        put(self, key, value)

    BaseEvent.__init__, BaseEvent.__getattr__, BaseEvent.__setattr__ = begin, get, set_  # type: ignore[method-assign]


def _sort_macros_once() -> None:
    """Which macro a name means is the same for all models. dbt sorts 650 of them for each context, and a model has three."""
    from dbt.clients.jinja import MacroGenerator
    from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder

    build = MacroNamespaceBuilder.build_namespace
    known: dict[Any, Any] = {}

    class Namespace(MacroNamespace):
        """Answers at once what each name means."""

        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            self._meant = {name: meant for part in reversed([*self._search_order()]) for name, meant in part.items()}
            self.keys = self._meant.keys  # type: ignore[method-assign]

        def __getitem__(self, key: str) -> Any:
            return self._meant[key]

    def sort(self: Any, macros_by_package: Any, ctx: Any) -> tuple[Any, ...]:
        """The macros, and for each part of a namespace which of them its names mean."""
        found, macros, places = build(self, macros_by_package, ctx), list[Any](), dict[int, int]()

        def place(macro: Any) -> int:
            if id(macro) not in places:
                places[id(macro)] = len(macros)
                macros.append(macro)
            return places[id(macro)]

        def by_name(part: Any) -> list[tuple[str, int]]:
            return [(name, place(generator.macro)) for name, generator in part.items()]

        parts = map(by_name, (found.global_namespace, found.local_namespace, found.global_project_namespace))
        return macros, *parts, [(name, by_name(package)) for name, package in found.packages.items()]

    def build_namespace(self: Any, macros_by_package: Any, ctx: Any) -> Any:
        number = sum(map(len, macros_by_package.values()))
        same = (id(macros_by_package), self.root_package, self.search_package, *self.internal_package_names_order)
        if same not in known or known[same][0] is not macros_by_package or known[same][1] != number:
            known[same] = macros_by_package, number, sort(self, macros_by_package, ctx)
        macros, of_root, of_node, of_dbt, packages = known[same][2]
        generators = []
        for macro in macros:
            generator = MacroGenerator.__new__(MacroGenerator)
            generator.__dict__ = {"macro": macro, "context": ctx, "node": self.node, "stack": self.thread_ctx}
            generators.append(generator)

        def meant(part: Any) -> dict[str, Any]:
            return {name: generators[place] for name, place in part}

        return Namespace(
            meant(of_root), meant(of_node), meant(of_dbt), {name: meant(package) for name, package in packages}
        )

    MacroNamespaceBuilder.build_namespace = build_namespace  # type: ignore[method-assign]


def _make_empty_tables_once() -> None:
    """What a statement without a result answers with, and what guesses types: neither is ever changed."""
    from dbt_common.clients import agate_helper

    table, tester = agate_helper.empty_table, agate_helper.build_type_tester
    agate_helper.empty_table = cache(table)
    testers = cache(lambda text_columns, nulls: tester(text_columns, string_null_values=nulls))

    def build_type_tester(text_columns: Any, string_null_values: Any = ("null", "")) -> Any:
        return testers(tuple(sorted(text_columns)), tuple(string_null_values or ()))

    agate_helper.build_type_tester = build_type_tester


def _draw_no_graph() -> None:
    """Nobody reads the summary of the graph that dbt makes, twice, of each run (graph_summary.json in its target folder)."""
    from dbt.compilation import Linker

    def get_graph_summary(self: Any, manifest: Any) -> dict[int, dict[str, Any]]:
        return {}

    Linker.get_graph_summary = get_graph_summary  # type: ignore[method-assign]


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
