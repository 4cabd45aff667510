"""How many of the simulator's true movements fct_trips has: `python -m benchmarks.recall ARCHIVE`.

ARCHIVE was written by `velib simulate`, then loaded and built into the warehouse at hand. A true movement counts as found when a
row of mart.fct_trips has its bike, origin and destination, and both true times lie in the row's brackets. Movements that are
still under way at the last snapshot cannot be found and are left out.
"""

from __future__ import annotations

import argparse
import io
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from warehouse.database import connect

_FOUND = """
select
    truth.kind,
    count(*) as movements,
    count(*) filter (where found.trip_type is not null) as found,
    count(*) filter (where found.trip_type = truth.kind) as of_its_kind,
    coalesce(string_agg(distinct found.trip_type, ', ') filter (where found.trip_type <> truth.kind), '') as taken_for
from truth
left join lateral (
    select trips.trip_type
    from mart.fct_trips as trips
    where
        trips.bike_id = truth.bike_id
        and trips.origin_station_code = truth.origin_station_code
        and trips.destination_station_code = truth.destination_station_code
        and truth.departed_at > trips.last_seen_at and truth.departed_at <= trips.first_missing_at
        and truth.arrived_at > trips.last_missing_at and truth.arrived_at <= trips.first_seen_at
    limit 1
) as found on true
where
    truth.departed_at > (select min(snapshot_at) from mart.fct_snapshots)
    and truth.arrived_at <= (select max(snapshot_at) from mart.fct_snapshots)
group by truth.kind
order by movements desc
"""

_COLUMNS = ["bike_id", "origin_station_code", "destination_station_code", "departed_at", "arrived_at", "kind"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    truth = pyarrow.parquet.read_table(parser.parse_args().archive / "truth" / "movements.parquet", columns=_COLUMNS)
    with closing(connect("velib recall")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "create temporary table truth (bike_id text, origin_station_code text, destination_station_code text,"
            " departed_at timestamptz, arrived_at timestamptz, kind text)"
        )
        cursor.copy_expert("copy truth from stdin with (format csv)", _csv(truth))
        cursor.execute("analyze truth")
        cursor.execute(_FOUND)
        rows = cursor.fetchall()
    print(f"{'kind':<14}{'true':>9}{'found':>9}{'share':>8}{'of its kind':>13}  also taken for")
    for kind, movements, found, of_its_kind, taken_for in rows:
        print(
            f"{kind:<14}{movements:>9,}{found:>9,}{found / movements:>8.1%}{of_its_kind / movements:>13.1%}  {taken_for}"
        )


def _csv(table: pa.Table) -> io.BytesIO:
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(include_header=False))
    buffer.seek(0)
    return buffer


if __name__ == "__main__":
    main()
