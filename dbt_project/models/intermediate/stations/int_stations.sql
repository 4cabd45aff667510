{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[{'columns': ['feed', 'station_code'], 'unique': true}],
    post_hook=["{{ through_snapshots() }}", "{{ analyze_when_new() }}"],
) }}
-- The stations each feed has ever listed. A station's first listing is a relisting, so few change rows have to be read.
{% set applied = applied_through('int_stations') %}
select distinct
    snapshots.feed,
    changes.station_code
from {{ ref('int_snapshots') }} as snapshots
inner join {{ ref('stg_station_listings') }} as changes on snapshots.change_set_id = changes.change_set_id
where
    snapshots.change_set_id > {{ applied }}
    and changes.change_set_id > {{ applied }}
    and changes.is_relisted
    {% if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as known
            where known.feed = snapshots.feed and known.station_code = changes.station_code
        )
    {% endif %}
