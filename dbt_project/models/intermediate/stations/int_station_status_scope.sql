-- Which stretches of which stations' status int_station_status has to compute anew: from the last interval before what is new
-- (it may now end elsewhere) up to the first one after it. The row without a feed carries the horizon. int_station_absences,
-- which has some of the same intervals, goes by it too: what is new is what either of them has not applied.
{% set is_status_built = is_built('int_station_status') %}
{% set applied = applied_through('int_station_status') %}
{% set are_absences_built = is_built('int_station_absences') %}
{% if are_absences_built %}
    {% set applied = [applied, applied_through('int_station_absences')] | min %}
{% endif %}
with horizon as (
    select coalesce(max(change_set_id), 0) as horizon
    from {{ ref('int_snapshots') }}
)

{% if is_status_built %}
, islands as (
    {{ touched_islands(applied) }}
),

touched as (
    select
        islands.feed,
        changes.station_code,
        islands.first_at,
        islands.last_at
    from {{ ref('int_snapshots') }} as snapshots
    inner join {{ ref('stg_station_listings') }} as changes on snapshots.change_set_id = changes.change_set_id
    inner join islands
        on snapshots.feed = islands.feed and snapshots.snapshot_at between islands.first_at and islands.last_at
    where snapshots.change_set_id > {{ applied }} and changes.change_set_id > {{ applied }}
    union
    -- A gap ends and begins an interval of every station; a rewritten stretch may have lost any old one.
    select
        islands.feed,
        stations.station_code,
        islands.first_at,
        islands.last_at
    from islands
    inner join {{ ref('int_stations') }} as stations on islands.feed = stations.feed
    where islands.has_gap or not islands.is_append
),

stretches as (
    select
        touched.feed,
        touched.station_code,
        coalesce(before.valid_from, {{ since_ever() }}) as from_at,
        coalesce(after.valid_from, {{ forever() }}) as to_at
    from touched
    left join lateral (
        select old_row.valid_from
        from intermediate.int_station_status as old_row
        where
            old_row.station_code = touched.station_code
            and old_row.feed = touched.feed
            and old_row.valid_from < touched.first_at
        order by old_row.valid_from desc
        limit 1
    ) as before on true
    left join lateral (
        select old_row.valid_from
        from intermediate.int_station_status as old_row
        where
            old_row.station_code = touched.station_code
            and old_row.feed = touched.feed
            and old_row.valid_from > touched.last_at
        order by old_row.valid_from
        limit 1
    ) as after on true
),

{{ merged_stretches('stretches', 'station_code') }}
{% endif %}

select
    cast(null as text) as feed,
    cast(null as text) as station_code,
    cast(null as timestamptz) as from_at,
    cast(null as timestamptz) as to_at,
    horizon.horizon
from horizon
{% if is_status_built %}
union all
select
    merged.feed,
    merged.station_code,
    merged.from_at,
    merged.to_at,
    horizon.horizon
from merged
cross join horizon
{% elif are_absences_built %}
-- A first build that died in between left the absences alone: there is nothing to find a stretch by, so it is all of time.
union all
select
    stations.feed,
    stations.station_code,
    {{ since_ever() }} as from_at,
    {{ forever() }} as to_at,
    horizon.horizon
from {{ ref('int_stations') }} as stations
cross join horizon
{% endif %}
