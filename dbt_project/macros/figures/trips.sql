{#- The parts of int_trips that stand for themselves. -#}

{#- Until when each station was unobserved at all, a query over all of time. Not a CTE: the planner has to see that it is short. -#}
{% macro stations_unobserved() %}
    select
        absence.feed,
        absence.station_code,
        max(absence.valid_to) as unobserved_until
    from {{ ref('int_station_absences') }} as absence
    group by absence.feed, absence.station_code
{% endmacro %}

{#-
    The last snapshot up to `snapshot_at` that listed the station, -infinity where none did: mostly that one itself. A build of all
    movements looks only where the station was unobserved later than that, which is rare; `listed` is its stations_unobserved.
-#}
{% macro last_listed_at(station_code, snapshot_at, listed) -%}
    case
        when {{ 'true' if is_incremental() else snapshot_at ~ ' < ' ~ listed ~ '.unobserved_until' }}
            then coalesce(
                (
                    select coalesce(unlisted.previous_snapshot_at, {{ since_ever() }})
                    from (
                        select
                            absence.feed,
                            absence.valid_from,
                            absence.valid_to
                        from {{ ref('int_station_absences') }} as absence
                        where
                            absence.station_code = {{ station_code }}
                            and absence.feed = arrivals.feed
                            and absence.valid_from <= {{ snapshot_at }}
                        order by absence.valid_from desc
                        limit 1
                    ) as period
                    left join {{ ref('int_snapshots') }} as unlisted
                        on period.feed = unlisted.feed and period.valid_from = unlisted.snapshot_at
                    where period.valid_to > {{ snapshot_at }}
                ),
                {{ snapshot_at }}
            )
        else {{ snapshot_at }}
    end
{%- endmacro %}

{#- The CTE positions: where the feed placed each station, and when. Of all statements, so for a build of all movements. -#}
{% macro positions() %}
positions as (
    select
        moves.feed,
        moves.station_code,
        moves.latitude,
        moves.longitude,
        moves.valid_from,
        lead(moves.valid_from, 1, {{ forever() }}) over (
            partition by moves.station_code, moves.feed order by moves.valid_from
        ) as valid_to
    from (
        select
            stated.feed,
            stated.station_code,
            stated.latitude,
            stated.longitude,
            stated.valid_from,
            coalesce(
                stated.latitude is not distinct from lag(stated.latitude) over statements
                and stated.longitude is not distinct from lag(stated.longitude) over statements
                and lag(stated.valid_from) over statements is not null,
                false
            ) as is_same
        from {{ ref('int_station_attributes') }} as stated
        window statements as (partition by stated.station_code, stated.feed order by stated.valid_from)
    ) as moves
    where not moves.is_same
)
{% endmacro %}

{#-
    A station's position as the feed stated it in a snapshot, as the left join `alias`: of all movements from the CTE positions, of
    some from what was stated last before it.
-#}
{% macro position_at(alias, station_code, snapshot_at) %}
    {% if is_incremental() %}
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
    {% else %}
        left join positions as {{ alias }}
            on
                {{ station_code }} = {{ alias }}.station_code
                and bracketed.feed = {{ alias }}.feed
                and {{ snapshot_at }} >= {{ alias }}.valid_from
                and {{ snapshot_at }} < {{ alias }}.valid_to
    {% endif %}
{% endmacro %}

{#- The type of a movement: the first rule that holds (docs/decisions/0014-trip-types-and-thresholds.md). Each looks only at the movement and the snapshots inside it. -#}
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

{#- Whether a movement is a ride of a customer. -#}
{% macro is_customer_trip(trip) -%} {{ trip }}.trip_type in ('trip', 'round_trip') {%- endmacro %}
