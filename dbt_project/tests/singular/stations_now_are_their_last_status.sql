{{ config(tags=['full']) }}
-- Catches a station that is said to be otherwise than its open interval, or since another time: its intervals since then say all
-- the same and leave no time out, and none that ends just then does too.
with open_intervals as (
    select status.*
    from {{ ref('fct_station_status') }} as status
    where status.valid_to = {{ forever() }}
),

stations as (
    select last.*
    from {{ ref('kpi_station_now') }} as last
    where last.is_observed
),

sinces as (
    {% for kind in ['empty', 'full'] %}
        select
            stations.feed,
            stations.station_code,
            '{{ kind }}' as kind,
            stations.{{ kind }}_since_at as since_at,
            stations.snapshot_at
        from stations
        where stations.is_{{ kind }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

said as (
    select
        sinces.*,
        status.valid_from,
        status.valid_to,
        coalesce(
            case when sinces.kind = 'empty' then status.bikes_available = 0 else status.docks_free = 0 end
            and status.is_in_service,
            false
        ) as is_so,
        {{ seconds_between(
            'greatest(status.valid_from, sinces.since_at)', 'least(status.valid_to, sinces.snapshot_at)'
        ) }} as seconds
    from sinces
    inner join {{ ref('fct_station_status') }} as status
        on sinces.feed = status.feed and sinces.station_code = status.station_code and sinces.since_at <= status.valid_to
)

select
    coalesce(stations.feed, open_intervals.feed) as feed,
    coalesce(stations.station_code, open_intervals.station_code) as station_code,
    'now' as kind
from stations
full outer join open_intervals
    on stations.feed = open_intervals.feed and stations.station_code = open_intervals.station_code
where
    stations.station_code is null
    or stations.status_since_at is distinct from open_intervals.valid_from
    {% for column in [
        'state', 'is_in_service', 'bikes_available', 'bikes_mechanical', 'bikes_electric', 'docks_free', 'docks_total', 'docks_usable'
    ] %}
        or stations.{{ column }} is distinct from open_intervals.{{ column }}
    {% endfor %}
union all
select
    said.feed,
    said.station_code,
    said.kind
from said
group by said.feed, said.station_code, said.kind, said.since_at, said.snapshot_at
having
    bool_or(said.valid_to = said.since_at and said.is_so)
    or bool_or(said.valid_to > said.since_at and not said.is_so)
    or count(*) filter (where said.valid_from = said.since_at) <> 1
    or sum(said.seconds) filter (where said.valid_to > said.since_at)
    <> {{ seconds_between('said.since_at', 'said.snapshot_at') }}
