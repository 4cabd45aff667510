{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[{'columns': ['feed', 'bike_id'], 'unique': true}],
    post_hook=[
        "{{ partial_index('number', '(' ~ velo_number('feed', 'bike_id') ~ ')', 'true') }}",
        "{{ through_snapshots() }}",
        "{{ analyze_when_new() }}",
    ],
) }}
-- The bikes each feed has ever listed.
{% set applied = applied_through('int_bikes') %}
select distinct
    snapshots.feed,
    changes.bike_id
from {{ ref('int_snapshots') }} as snapshots
inner join {{ ref('stg_bike_sightings') }} as changes on snapshots.change_set_id = changes.change_set_id
where
    snapshots.change_set_id > {{ applied }}
    and changes.change_set_id > {{ applied }}
    and changes.is_present
    {% if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as known
            where known.feed = snapshots.feed and known.bike_id = changes.bike_id
        )
    {% endif %}
