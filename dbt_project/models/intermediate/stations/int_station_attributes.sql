{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['station_code', 'feed', 'valid_from'],
    on_schema_change='fail',
    meta={
        'scope': 'int_station_attributes_scope',
        'scope_condition': 'old_row.feed = scope.feed and old_row.valid_from = scope.snapshot_at',
    },
    indexes=[
        {'columns': ['station_code', 'feed', 'valid_from'], 'unique': true},
        {'columns': ['feed', 'valid_from']},
    ],
    post_hook=["{{ through_scope('int_station_attributes_scope') }}", "{{ analyze_when_new() }}"],
) }}
-- depends_on: {{ ref('int_station_attributes_scope') }}
-- What each feed states of a station's attributes, at each snapshot in which that differs from the one before: nulls included.
select
    snapshots.feed,
    changes.station_code,
    snapshots.snapshot_at as valid_from,
    {{ columns_of('changes', station_attribute_columns()) }}
from {{ ref('stg_station_attribute_changes') }} as changes
inner join {{ ref('int_snapshots') }} as snapshots on changes.change_set_id = snapshots.change_set_id
{% if is_incremental() %}
    where
        changes.change_set_id > {{ applied_through('int_station_attributes') }}
        and snapshots.change_set_id > {{ applied_through('int_station_attributes') }}
{% endif %}
