{{ config(
    materialized='incremental',
    incremental_strategy='replace_scope',
    unique_key=['date_day', 'feed'],
    on_schema_change='fail',
    meta={
        'changes_of': 'int_trips',
        'scope_condition': 'old_row.feed = scope.feed and old_row.date_day = ' ~ local_day('scope.departed_at'),
    },
    indexes=[{'columns': ['date_day']}],
    post_hook=["{{ through_changes_of('int_trips') }}", "{{ analyze_when_new() }}"],
) }}
-- One row a local day and feed with movements by truck. A day in which a movement changed is made anew from the day's movements
-- by truck, through their own index. Steps:
--   1. bikes: the day's movements of the type rebalancing;
--   2. balances: how many were brought to each station, less those taken from it;
--   3. loads: those that went together.
with
{% if is_incremental() %}
touched as (
    select distinct
        changes.feed,
        {{ local_day('changes.departed_at') }} as date_day
    from {{ changes_since_applied('int_trips') }} as changes
),

bikes as (
    select
        touched.date_day,
        moved.*
    from touched
    inner join {{ ref('int_trips') }} as moved
        on
            touched.feed = moved.feed
            and moved.departed_at >= {{ begin_of_day('touched.date_day') }}
            and moved.departed_at < {{ begin_of_day('touched.date_day + 1') }}
    where moved.trip_type = 'rebalancing'
),
{% else %}
bikes as (
    select
        {{ local_day('moved.departed_at') }} as date_day,
        moved.*
    from {{ ref('int_trips') }} as moved
    where moved.trip_type = 'rebalancing'
),
{% endif %}

balances as (
    select
        ends.date_day,
        ends.feed,
        ends.station_code,
        sum(ends.bikes_brought) as bikes_brought
    from (
        select
            bikes.date_day,
            bikes.feed,
            bikes.destination_station_code as station_code,
            1 as bikes_brought
        from bikes
        union all
        select
            bikes.date_day,
            bikes.feed,
            bikes.origin_station_code as station_code,
            -1 as bikes_brought
        from bikes
    ) as ends
    group by ends.date_day, ends.feed, ends.station_code
),

stations as (
    select
        balances.date_day,
        balances.feed,
        count(*) filter (where balances.bikes_brought < 0) as stations_emptied,
        count(*) filter (where balances.bikes_brought > 0) as stations_filled
    from balances
    group by balances.date_day, balances.feed
),

loads as (
    select
        bikes.date_day,
        bikes.feed,
        count(*) as bikes,
        count(*) filter (where not bikes.is_electric) as bikes_mechanical,
        count(*) filter (where bikes.is_electric) as bikes_electric
    from bikes
    group by
        bikes.date_day,
        bikes.feed,
        bikes.origin_station_code,
        bikes.destination_station_code,
        bikes.last_seen_at,
        bikes.first_seen_at
),

moves as (
    select
        loads.date_day,
        loads.feed,
        count(*) as moves,
        sum(loads.bikes) as bikes,
        sum(loads.bikes_mechanical) as bikes_mechanical,
        sum(loads.bikes_electric) as bikes_electric
    from loads
    group by loads.date_day, loads.feed
)

select
    moves.date_day,
    moves.feed,
    cast(moves.moves as integer) as moves,
    cast(moves.bikes as integer) as bikes,
    cast(moves.bikes_mechanical as integer) as bikes_mechanical,
    cast(moves.bikes_electric as integer) as bikes_electric,
    cast(moves.bikes as double precision) / moves.moves as bikes_per_move,
    cast(stations.stations_emptied as integer) as stations_emptied,
    cast(stations.stations_filled as integer) as stations_filled
from moves
inner join stations on moves.date_day = stations.date_day and moves.feed = stations.feed
