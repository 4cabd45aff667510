{{ config(materialized='view') }}
-- One row a feed and station of which the feed ever stated a status: how it is at the feed's newest snapshot, and since when.
-- Found backwards from each station's last interval, through the index, as far as it was empty, full or saturated without a
-- break. A time that nobody observed is one.
{% set kinds = ['empty', 'full', 'saturated'] %}
with latest as (
    select
        stations.feed,
        stations.station_code,
        feeds.feed_last_at,
        last_status.*,
        {{ sum_of_known('last_status.own_docks_free', 'last_status.own_edocks_free') }} as docks_free,
        {{ sum_of_known('last_status.own_docks_total', 'last_status.own_edocks_total') }} as docks_total
    from {{ ref('int_stations') }} as stations
    inner join ({{ last_snapshots() }}) as feeds on stations.feed = feeds.feed
    cross join lateral (
        select
            status.valid_from,
            status.is_listed,
            {{ states_status('status') }} as is_observed,
            status.state,
            status.bikes_available,
            status.bikes_mechanical,
            status.bikes_electric,
            status.docks_free as own_docks_free,
            status.edocks_free as own_edocks_free,
            status.docks_total as own_docks_total,
            status.edocks_total as own_edocks_total
        from {{ ref('int_station_status') }} as status
        where status.station_code = stations.station_code and status.feed = stations.feed
        order by status.valid_from desc
        limit 1
    ) as last_status
    where
        exists (
            select 1
            from {{ ref('int_station_status') }} as stated
            where stated.station_code = stations.station_code and stated.feed = stations.feed and {{ states_status('stated') }}
        )
),

in_service as (
    select
        latest.*,
        case when latest.is_observed then {{ is_in_service('latest') }} end as is_in_service
    from latest
),

usable as (
    select
        in_service.*,
        {{ docks_usable('in_service') }} as docks_usable
    from in_service
),

rated as (
    select
        usable.*,
        case when usable.is_observed then coalesce({{ is_empty('usable') }}, false) end as is_empty,
        case when usable.is_observed then coalesce({{ is_full('usable') }}, false) end as is_full,
        case when usable.is_observed then coalesce({{ is_saturated('usable') }}, false) end as is_saturated
    from usable
    {{ computed_once() }}
)

select
    rated.feed,
    rated.station_code,
    stations.name,
    stations.latitude,
    stations.longitude,
    cast(stations.capacity as integer) as capacity,
    stations.district_code,
    stations.district_name,
    rated.feed_last_at as snapshot_at,
    rated.is_observed,
    case when rated.is_listed then rated.feed_last_at else unlisted.previous_snapshot_at end as last_seen_at,
    case when rated.is_observed then rated.state end as state,
    rated.is_in_service,
    case when rated.is_observed then rated.bikes_available end as bikes_available,
    case when rated.is_observed then rated.bikes_mechanical end as bikes_mechanical,
    case when rated.is_observed then rated.bikes_electric end as bikes_electric,
    case when rated.is_observed then rated.docks_free end as docks_free,
    case when rated.is_observed then rated.docks_total end as docks_total,
    rated.docks_usable,
    cast(rated.bikes_available as double precision) / rated.docks_usable as fill_rate,
    {% for kind in kinds %}
        rated.is_{{ kind }},
    {% endfor %}
    case when rated.is_observed then rated.valid_from end as status_since_at,
    {% for kind in kinds %}
        {{ kind }}_before.since_at as {{ kind }}_since_at{{ ',' if not loop.last }}
    {% endfor %}
from rated
left join {{ ref('int_snapshots') }} as unlisted on rated.feed = unlisted.feed and rated.valid_from = unlisted.snapshot_at
left join {{ ref('int_station_corrected') }} as stations on rated.station_code = stations.station_code
{% for kind in kinds %}
    left join lateral ({{ status_since('rated', kind) }}) as {{ kind }}_before on rated.is_{{ kind }}
{% endfor %}
