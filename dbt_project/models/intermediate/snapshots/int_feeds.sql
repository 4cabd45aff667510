{{ config(
    materialized='incremental',
    incremental_strategy='append',
    indexes=[{'columns': ['feed'], 'unique': true}],
    post_hook=["{{ through_snapshots() }}"],
) }}
-- The feeds there are: a short list, so that nothing has to look for them in a long table.
select distinct snapshots.feed
from {{ ref('int_snapshots') }} as snapshots
where
    snapshots.change_set_id > {{ applied_through('int_feeds') }}
    {% if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as known
            where known.feed = snapshots.feed
        )
    {% endif %}
