{{ config(materialized='view') }}
-- The district and city of each station. Vélib' Métropole's station codes name them (station_prefixes.csv, with the
-- exceptions known); the feed's own INSEE code wins where it has one. Elsewhere there are no districts, and the city is the
-- feed's. A view: what stands on it need not be made again when a station is new.
with stations as (
    select
        history.station_code,
        history.insee_code,
        history.city_name,
        coalesce(
            history.latitude between {{ var('paris_box')[0] }} and {{ var('paris_box')[2] }}
            and history.longitude between {{ var('paris_box')[1] }} and {{ var('paris_box')[3] }},
            false
        )
        and {{ is_digits('history.station_code') }} as is_coded
    from {{ ref('int_station_history') }} as history
    where history.valid_to = {{ forever() }}
),

prefixed as (
    select
        stations.*,
        case
            when not stations.is_coded then null
            when cast(stations.station_code as integer) < 21000
                then cast(floor(cast(stations.station_code as integer) / 1000) as integer)
            else cast(floor(cast(stations.station_code as integer) / 100) as integer)
        end as prefix,
        case
            when not stations.is_coded then null
            when cast(stations.station_code as integer) < 21000 then 'arrondissement'
            else 'commune'
        end as prefix_level
    from stations
),

coded as (
    select
        prefixed.station_code,
        prefixed.insee_code,
        prefixed.city_name,
        prefixed.is_coded,
        coalesce(cast(exceptions.insee_code as text), cast(prefixes.insee_code as text)) as district_code,
        coalesce(exceptions.name, prefixes.name) as district_name
    from prefixed
    left join {{ ref('station_prefix_exceptions') }} as exceptions
        on prefixed.is_coded and prefixed.station_code = exceptions.station_code
    left join {{ ref('station_prefixes') }} as prefixes
        on prefixed.prefix = prefixes.prefix and prefixed.prefix_level = prefixes.level
)

-- 75056 is all of Paris, 75101 to 75120 its districts: there the code's district says more, and does not contradict.
select
    coded.station_code,
    case
        when coded.insee_code is null then coded.district_code
        when coded.insee_code = '75056' and coded.district_code like '751%' then coded.district_code
        when coded.is_coded or coded.insee_code like '751%' then coded.insee_code
    end as district_code,
    case
        when coded.insee_code is null or coded.insee_code = coded.district_code then coded.district_name
        when coded.insee_code = '75056' and coded.district_code like '751%' then coded.district_name
        when coded.is_coded or coded.insee_code like '751%' then coded.city_name
    end as district_name,
    case
        when coalesce(coded.insee_code, coded.district_code) like '751%' then '75056'
        else coalesce(coded.insee_code, coded.district_code)
    end as city_code,
    case
        when coalesce(coded.insee_code, coded.district_code) like '751%' then 'Paris'
        else coalesce(coded.city_name, coded.district_name)
    end as city_name
from coded
