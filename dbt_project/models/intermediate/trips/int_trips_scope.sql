-- Whose movements int_trips has to compute anew, and when: a movement depends on nothing but the snapshots between its last
-- sighting and its first, so on each island those it overlaps. from_at and to_at say which locations are needed for that:
-- from the last station before the island to the first one after it. No old movement that overlaps the island arrives later than
-- that: the bike was seen in a station then. The row without a feed carries the horizon.
{% set is_built = is_built('int_trips') %}
{% set applied = applied_through('int_trips') %}
with horizon as (
    select coalesce(max(change_set_id), 0) as horizon
    from {{ ref('int_snapshots') }}
)

{% if is_built %}
, islands as (
    {{ touched_islands(applied) }}
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
    where snapshots.change_set_id > {{ applied }} and changes.change_set_id > {{ applied }} and changes.is_present
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
)
{% endif %}

select
    cast(null as text) as feed,
    cast(null as text) as bike_id,
    cast(null as timestamptz) as first_at,
    cast(null as timestamptz) as last_at,
    cast(null as timestamptz) as from_at,
    cast(null as timestamptz) as to_at,
    horizon.horizon
from horizon
{% if is_built %}
union all
select
    touched.feed,
    touched.bike_id,
    touched.first_at,
    touched.last_at,
    coalesce(before.valid_from, touched.first_at) as from_at,
    coalesce(after.valid_from, case when touched.is_append then touched.last_at else {{ forever() }} end) as to_at,
    horizon.horizon
from touched
cross join horizon
left join lateral (
    select locations.valid_from
    from {{ ref('int_bike_locations') }} as locations
    where
        locations.bike_id = touched.bike_id
        and locations.feed = touched.feed
        and locations.valid_from < touched.first_at
        and locations.station_code is not null
    order by locations.valid_from desc
    limit 1
) as before on true
left join lateral (
    select locations.valid_from
    from {{ ref('int_bike_locations') }} as locations
    where
        locations.bike_id = touched.bike_id
        and locations.feed = touched.feed
        and locations.valid_from > touched.last_at
        and locations.station_code is not null
    order by locations.valid_from
    limit 1
) as after on not touched.is_append
{% endif %}
