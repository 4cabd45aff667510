{{ config(materialized='view') }}
-- One row a feed: from which local day to which it lists bikes. Outside of these days nothing is known of its rides, and where it
-- lists none, on no day. Found through an index of the snapshots with bikes, so that whoever joins it pays two looks a feed.
with listed as (
    select
        feeds.feed,
        {% for end in ['min', 'max'] %}
            (
                select {{ local_day(end ~ '(with_bikes.snapshot_at)') }}
                from {{ ref('int_snapshots') }} as with_bikes
                where with_bikes.feed = feeds.feed and with_bikes.bike_count > 0
            ) as {{ {'min': 'first_day', 'max': 'last_day'}[end] }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_feeds') }} as feeds
    {{ computed_once() }}
)

select
    listed.feed,
    listed.first_day,
    listed.last_day,
    {{ begin_of_day('listed.first_day') }} as from_at,
    {{ begin_of_day('listed.last_day + 1') }} as to_at
from listed
{{ computed_once() }}
