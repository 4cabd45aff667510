"""How rows are written: JSON, CSV, an Arrow IPC stream, Parquet; whole, or batch by batch as the database gives them.

The same rows, columns and types in each. Times are UTC: ISO 8601 in text, timestamps with a zone in the others.
"""

import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from anyio import to_thread

from velib.api.contracts import Column
from velib.api.negotiation import weights
from velib.api.problems import Problem

Name = Literal["json", "csv", "arrow", "parquet"]


class Format(NamedTuple):
    name: Name
    media_type: str
    header: str  # content-type, as it is sent


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("json", "application/json", "application/json"),
        Format("csv", "text/csv", "text/csv; charset=utf-8; header=present"),
        Format("arrow", "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        Format("parquet", "application/vnd.apache.parquet", "application/vnd.apache.parquet"),
    )
}
JSON = FORMATS["json"]


def wanted(named: str | None, accept: str | None) -> Format:
    """`?format=` decides, else the first of Accept's types, by its weights, that there is; JSON where nothing is said."""
    if named:
        return FORMATS[named]
    if not accept or accept == "*/*":
        return JSON
    weighted = weights(accept)
    for media_type in sorted((each for each in weighted if weighted[each]), key=lambda each: -weighted[each]):
        if media_type in ("*/*", "application/*"):
            return JSON
        if media_type == "text/*":
            return FORMATS["csv"]
        for each in FORMATS.values():
            if media_type == each.media_type:
                return each
    raise Problem(406, f"there is {', '.join(each.media_type for each in FORMATS.values())}")


def as_json(told: Any) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC, default=str)


def write(form: Format, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> bytes:
    """A whole table in one of the formats that are not JSON."""
    written = io.BytesIO()
    writer = _Writer(form, columns, written)
    writer.add(rows)
    writer.close()
    return written.getvalue()


async def stream(
    form: Format,
    columns: Sequence[Column],
    batches: AsyncIterator[Sequence[Sequence[Any]]],
    widen: Callable[[Sequence[Sequence[Any]]], Sequence[Sequence[Any]]],
) -> AsyncIterator[bytes]:
    """The same, as far as it is written, batch by batch: memory holds one. Writing happens beside the event loop, and so does what
    `widen` makes of the rows before."""
    sink = Sink()
    writer = await to_thread.run_sync(_Writer, form, columns, sink)
    async for rows in batches:
        await to_thread.run_sync(_add, writer, widen, rows)
        if written := sink.take():
            yield written
    await to_thread.run_sync(writer.close)
    yield sink.take()


def _add(writer: "_Writer", widen: Callable[[Any], Any], rows: Sequence[Sequence[Any]]) -> None:
    writer.add(widen(rows))


class Sink(io.RawIOBase):
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


class _Writer:
    """Rows into a file, in any number of batches."""

    def __init__(self, form: Format, columns: Sequence[Column], file: Any) -> None:
        self._columns = columns
        self._is_csv = form.name == "csv"
        self._schema = pa.schema([pa.field(column.name, _arrow_type(column)) for column in columns])
        self._write, self._end = _opened(form, self._schema, file)

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        by_column: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(self._columns)
        arrays = [pa.array(values, field.type) for values, field in zip(by_column, self._schema, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._write(_times_as_text(batch) if self._is_csv else batch)

    def close(self) -> None:
        self._end()


def _opened(form: Format, schema: pa.Schema, file: Any) -> tuple[Callable[[pa.RecordBatch], None], Callable[[], None]]:
    if form.name == "csv":
        csv_writer = pa_csv.CSVWriter(file, _times_as_text(_no_rows(schema)).schema)
        return csv_writer.write, csv_writer.close
    if form.name == "arrow":
        ipc_writer = pa.ipc.new_stream(file, schema)
        return ipc_writer.write, ipc_writer.close
    parquet_writer = pq.ParquetWriter(file, schema, compression="zstd")
    return parquet_writer.write_batch, parquet_writer.close


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _times_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """CSV as the standard has times, and not as Arrow writes them: 2026-06-02T08:30:00.000000Z."""
    arrays, fields = [], []
    for field, array in zip(batch.schema, batch.columns, strict=True):
        is_time = pa.types.is_timestamp(field.type)
        arrays.append(pc.strftime(array, "%Y-%m-%dT%H:%M:%SZ") if is_time else array)
        fields.append(pa.field(field.name, pa.string()) if is_time else field)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _arrow_type(column: Column) -> pa.DataType:
    return {
        "text": pa.string(),
        "uuid": pa.string(),
        "boolean": pa.bool_(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float64(),
        "double precision": pa.float64(),
        "date": pa.date32(),
        "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    }[column.data_type]
