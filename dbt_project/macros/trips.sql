{#- The parts of fct_trips that stand for themselves. -#}

{#-
    The time in which a station was unobserved at a snapshot, as the left join `alias`: valid_from (null: it was listed then) and
    last_listed_at (the last snapshot that listed it; null: none did yet).
-#}
{% macro unobserved_at(alias, station_code, snapshot_at) %}
    left join lateral (
        select
            period.valid_from,
            unlisted.previous_snapshot_at as last_listed_at
        from (
            select
                status.feed,
                status.valid_from,
                status.valid_to
            from {{ ref('int_station_status') }} as status
            where
                not status.is_listed
                and status.station_code = {{ station_code }}
                and status.feed = arrivals.feed
                and status.valid_from <= {{ snapshot_at }}
            order by status.valid_from desc
            limit 1
        ) as period
        left join {{ ref('int_snapshots') }} as unlisted
            on period.feed = unlisted.feed and period.valid_from = unlisted.snapshot_at
        where period.valid_to > {{ snapshot_at }}
    ) as {{ alias }} on true
{% endmacro %}

{#- A station's attributes as the feed stated them in a snapshot, as the left join `alias`. -#}
{% macro attributes_at(alias, station_code, snapshot_at) %}
    left join lateral (
        select
            stated.latitude,
            stated.longitude
        from {{ ref('int_station_attributes') }} as stated
        where
            stated.station_code = {{ station_code }}
            and stated.feed = bracketed.feed
            and stated.valid_from <= {{ snapshot_at }}
        order by stated.valid_from desc
        limit 1
    ) as {{ alias }} on true
{% endmacro %}

{#- The type of a movement: the first rule that holds (DESIGN.md). Each looks only at the movement and the snapshots inside it. -#}
{% macro trip_type(m) %}
    case
        when {{ m }}.has_gap then 'gap'
        when
            {{ m }}.origin_station_code = {{ m }}.destination_station_code
            and ({{ m }}.origin_dock is not distinct from {{ m }}.destination_dock)
            and {{ m }}.seconds_at_most <= {{ var('flicker_seconds') }}
            then 'flicker'
        when
            {{ m }}.duration_min_seconds > {{ var('maintenance_seconds') }}
            or (
                {{ m }}.duration_min_seconds >= {{ var('maintenance_least_seconds') }}
                and (
                    ({{ m }}.origin_bike_status = 'indisponible' and {{ m }}.destination_bike_status = 'disponible')
                    or {{ m }}.destination_battery_percent - {{ m }}.origin_battery_percent
                    >= {{ var('maintenance_battery_points') }}
                )
            )
            then 'maintenance'
        when
            {{ m }}.bikes_together >= {{ var('rebalancing_bikes') }}
            and {{ m }}.origin_station_code <> {{ m }}.destination_station_code
            then 'rebalancing'
        when {{ m }}.speed_min_kmh > {{ var('implausible_kmh') }} then 'implausible'
        when {{ m }}.seconds_estimated > {{ var('long_seconds') }} then 'long'
        when
            {{ m }}.origin_station_code = {{ m }}.destination_station_code
            and {{ m }}.seconds_estimated <= {{ var('boomerang_seconds') }}
            then 'boomerang'
        when {{ m }}.origin_station_code = {{ m }}.destination_station_code then 'round_trip'
        else 'trip'
    end
{% endmacro %}
