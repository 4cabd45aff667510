-- The stations whose history dim_station_history has to compute anew. A rewritten snapshot may have lost what it stated of any
-- station, so then it is all of the feed's. The row without a station carries the horizon.
{% set applied = applied_through('int_station_history') %}
select
    cast(null as text) as station_code,
    coalesce(max(snapshots.change_set_id), 0) as horizon
from {{ ref('int_snapshots') }} as snapshots
{% if is_built('int_station_history') %}
    union all
    select distinct
        changes.station_code,
        0 as horizon
    from {{ ref('stg_station_attribute_changes') }} as changes
    inner join {{ ref('int_snapshots') }} as snapshots on changes.change_set_id = snapshots.change_set_id
    where changes.change_set_id > {{ applied }} and snapshots.change_set_id > {{ applied }}
    union
    select
        stations.station_code,
        0 as horizon
    from {{ ref('int_snapshots') }} as snapshots
    inner join {{ ref('int_stations') }} as stations on snapshots.feed = stations.feed
    where snapshots.change_set_id > {{ applied }} and snapshots.is_rewritten
{% endif %}
