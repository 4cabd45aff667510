-- The stations whose history has to be computed anew: those of which something new is stated. A rewritten snapshot may have lost
-- what it stated: where that counted, the history has a row from then on, or another feed states something of the station at that
-- very time. The row without a station carries the horizon.
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
    {% for stated in [this.incorporate(path={'identifier': 'int_station_history'}), ref('int_station_attributes')] %}
        union
        select
            stated.station_code,
            0 as horizon
        from {{ ref('int_snapshots') }} as snapshots
        inner join {{ stated }} as stated on snapshots.snapshot_at = stated.valid_from
        where snapshots.change_set_id > {{ applied }} and snapshots.is_rewritten
    {% endfor %}
{% endif %}
