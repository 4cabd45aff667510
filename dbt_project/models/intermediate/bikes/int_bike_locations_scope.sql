-- Which stretches of which bikes' whereabouts int_bike_locations has to compute anew: from the last interval before what is
-- new up to and with the first one after it (the two may turn out to be one). What is new at the end of a feed continues the last
-- interval; anything else changes what was, and is_reread says so. The row without a feed carries the horizon.
{% set is_built = is_built('int_bike_locations') %}
{% set applied = applied_through('int_bike_locations') %}
with horizon as (
    select coalesce(max(change_set_id), 0) as horizon
    from {{ ref('int_snapshots') }}
)

{% if is_built %}
, islands as (
    {{ touched_islands(applied) }}
),

-- Stations that were unobserved and are listed again: whoever stood there and is not among the bikes now has left.
relisted as (
    select distinct
        islands.feed,
        changes.station_code,
        islands.first_at,
        islands.last_at
    from {{ ref('int_snapshots') }} as snapshots
    inner join {{ ref('stg_station_listings') }} as changes on snapshots.change_set_id = changes.change_set_id
    inner join islands
        on snapshots.feed = islands.feed and snapshots.snapshot_at between islands.first_at and islands.last_at
    where
        snapshots.change_set_id > {{ applied }}
        and changes.change_set_id > {{ applied }}
        and changes.is_relisted
        and islands.is_append
),

touched as (
    select
        islands.feed,
        changes.bike_id,
        islands.first_at,
        islands.last_at,
        islands.is_append
    from {{ ref('int_snapshots') }} as snapshots
    inner join {{ ref('stg_bike_sightings') }} as changes on snapshots.change_set_id = changes.change_set_id
    inner join islands
        on snapshots.feed = islands.feed and snapshots.snapshot_at between islands.first_at and islands.last_at
    where snapshots.change_set_id > {{ applied }} and changes.change_set_id > {{ applied }}
    union
    select
        relisted.feed,
        old_row.bike_id,
        relisted.first_at,
        relisted.last_at,
        true as is_append
    from relisted
    inner join intermediate.int_bike_locations as old_row
        on relisted.station_code = old_row.station_code and relisted.feed = old_row.feed
    where old_row.valid_to = {{ forever() }}
    union
    select
        islands.feed,
        bikes.bike_id,
        islands.first_at,
        islands.last_at,
        islands.is_append
    from islands
    inner join {{ ref('int_bikes') }} as bikes on islands.feed = bikes.feed
    where not islands.is_append
),

stretches as (
    select
        touched.feed,
        touched.bike_id,
        coalesce(before.valid_from, {{ since_ever() }}) as from_at,
        coalesce(after.valid_from, {{ forever() }}) as to_at,
        not touched.is_append as is_reread
    from touched
    left join lateral (
        select old_row.valid_from
        from intermediate.int_bike_locations as old_row
        where
            old_row.bike_id = touched.bike_id
            and old_row.feed = touched.feed
            and old_row.valid_from < touched.first_at
        order by old_row.valid_from desc
        limit 1
    ) as before on true
    left join lateral (
        select old_row.valid_from
        from intermediate.int_bike_locations as old_row
        where
            old_row.bike_id = touched.bike_id
            and old_row.feed = touched.feed
            and old_row.valid_from > touched.last_at
        order by old_row.valid_from
        limit 1
        offset 1
    ) as after on not touched.is_append
),

{{ merged_stretches('stretches', 'bike_id', 'is_reread') }}
{% endif %}

select
    cast(null as text) as feed,
    cast(null as text) as bike_id,
    cast(null as timestamptz) as from_at,
    cast(null as timestamptz) as to_at,
    cast(null as boolean) as is_reread,
    horizon.horizon
from horizon
{% if is_built %}
union all
select
    merged.feed,
    merged.bike_id,
    merged.from_at,
    merged.to_at,
    merged.is_reread,
    horizon.horizon
from merged
cross join horizon
{% endif %}
