{#- What is said of stations by the hour: int_station_hourly, and what is added up from it. -#}

{#- In a select list, the sums of a group of hours. -#}
{% macro added_up(relation, columns, type='integer') -%}
    {% for column in columns %}
        cast(sum({{ relation }}.{{ column }}) as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#-
    In a select list, the sums of station hours. Rides are null outside of the days on which the feed lists bikes (`is_listed`, by a join with
    int_bikes_listed): none were seen, and none could be.
-#}
{% macro sums_with_known_rides(relation, is_listed) -%}
    {{ columns_of(relation, station_fill_sums()) }},
    {% for column in station_ride_sums() %}
        case when {{ is_listed }} then {{ relation }}.{{ column }} end as {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{% macro hour_is_listed(relation) -%} {{ relation }}.hour_at >= listed.from_at and {{ relation }}.hour_at < listed.to_at {%- endmacro %}
{% macro day_is_listed(relation) -%} {{ relation }}.date_day between listed.first_day and listed.last_day {%- endmacro %}

{#- In a select list, what follows from the sums. Null where nothing was observed of it. -#}
{% macro station_rates(relation) -%}
    {{ ratio(relation, 'bike_seconds', 'dock_seconds') }} as fill_rate,
    {% for what in ['empty', 'full', 'saturated'] %}
        {{ ratio(relation, what ~ '_seconds', 'in_service_seconds') }} as {{ what }}_share,
    {% endfor %}
    {% for what in ['observed', 'in_service', 'empty', 'full', 'saturated'] %}
        cast({{ relation }}.{{ what }}_seconds as double precision) / 60 as {{ what }}_minutes,
    {% endfor %}
    {{ ratio(relation, 'mechanical_bike_seconds', 'typed_seconds') }} as bikes_mechanical,
    {{ ratio(relation, 'electric_bike_seconds', 'typed_seconds') }} as bikes_electric
{%- endmacro %}

{% macro ratio(relation, part, whole) -%}
    cast({{ relation }}.{{ part }} as double precision) / nullif({{ relation }}.{{ whole }}, 0)
{%- endmacro %}

{#- The states in which a station's bikes and docks can be used, as SQL. -#}
{% macro states_in_service() -%}
    {% for state in var('states_in_service') %}'{{ state | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{#-
    Whether a row of int_station_status says how a station is: it was observed, for some time, and by a feed that states a status
    (one of attributes alone, GBFS station_information, does not).
-#}
{% macro states_status(status) -%}
    {{ status }}.is_listed
    and {{ status }}.valid_from < {{ status }}.valid_to
    and coalesce({{ status }}.bikes_available, {{ status }}.docks_free) is not null
{%- endmacro %}

{#-
    What a status says, of a relation with the columns state, bikes_available, docks_free and docks_total, of both kinds: whether the
    station is in service, the docks that count for its fill rate, and whether it is empty, full, saturated. Out of service it is
    neither, and has no usable docks. The last three go by is_in_service and docks_usable, columns of the relation.
-#}
{% macro is_in_service(status) -%} coalesce({{ status }}.state in ({{ states_in_service() }}), true) {%- endmacro %}

{% macro docks_usable(status) -%}
    case
        when {{ status }}.is_in_service and {{ status }}.bikes_available is not null
            then case
                when {{ status }}.docks_total > 0 then {{ status }}.docks_total
                else nullif({{ status }}.bikes_available + {{ status }}.docks_free, 0)
            end
    end
{%- endmacro %}

{% macro is_empty(status) -%} {{ status }}.is_in_service and {{ status }}.bikes_available = 0 {%- endmacro %}
{% macro is_full(status) -%} {{ status }}.is_in_service and {{ status }}.docks_free = 0 {%- endmacro %}

{#- Of 10,000, in whole numbers: exact, and quicker than a share by far. -#}
{% macro is_saturated(status) -%}
    {{ status }}.is_in_service
    and (
        {{ status }}.docks_free = 0
        or 10000 * {{ status }}.bikes_available >= {{ (10000 * (var('saturated_fill_rate') | float)) | round | int }} * {{ status }}.docks_usable
    )
{%- endmacro %}

{#-
    For a lateral join: the hours of one station of `places` (feed, station_code, from_at, to_at, observed_to_at) and what each says.
    Steps:
      1. intervals: its status between from_at and observed_to_at. A place that is not `bounded` is all of time;
      2. pieces: cut at the hours;
      3. what each piece says, and how long it lasts: from whole second to whole second, so that no cut loses or gains anything;
      4. what each hour says.
-#}
{% macro hours_of_status(places, bounded) %}
    {%- set status = [
        'state', 'bikes_available', 'bikes_mechanical', 'bikes_electric', 'docks_free', 'edocks_free', 'docks_total', 'edocks_total'
    ] %}
        with intervals as (
            select
                greatest(status.valid_from, {{ places }}.from_at) as valid_from,
                least(status.valid_to, {{ places }}.observed_to_at) as valid_to,
                {{ columns_of('status', status) }}
            from {{ ref('int_station_status') }} as status
            where
                status.station_code = {{ places }}.station_code
                and status.feed = {{ places }}.feed
                and {{ states_status('status') }}
                {% if bounded %}
                    and status.valid_from < {{ places }}.to_at
                    and status.valid_from >= (
                        -- There is one: the first begins with time.
                        select earlier.valid_from
                        from {{ ref('int_station_status') }} as earlier
                        where
                            earlier.station_code = {{ places }}.station_code
                            and earlier.feed = {{ places }}.feed
                            and earlier.valid_from <= {{ places }}.from_at
                        order by earlier.valid_from desc
                        limit 1
                    )
                {% endif %}
        ),

        hours_of_intervals as (
            select
                intervals.*,
                {{ hours_from(hour_of('intervals.valid_from'), 'intervals.valid_to') }} as hour_at
            from intervals
        ),

        pieces as (
            select
                hours_of_intervals.*,
                greatest(hours_of_intervals.valid_from, hours_of_intervals.hour_at) as begins_at,
                least(hours_of_intervals.valid_to, {{ hours_after('hours_of_intervals.hour_at', 1) }}) as ends_at
            from hours_of_intervals
        ),

        stated as (
            select
                pieces.hour_at,
                cast({{ seconds_between(second_of('pieces.begins_at'), second_of('pieces.ends_at')) }} as integer) as seconds,
                {{ is_in_service('pieces') }} as is_in_service,
                pieces.bikes_available,
                pieces.bikes_mechanical,
                pieces.bikes_electric,
                {{ sum_of_known('pieces.docks_free', 'pieces.edocks_free') }} as docks_free,
                {{ sum_of_known('pieces.docks_total', 'pieces.edocks_total') }} as docks_total
            from pieces
            {{ computed_once() }}
        ),

        rated as (
            select
                stated.*,
                {{ docks_usable('stated') }} as docks_usable,
                stated.bikes_mechanical + stated.bikes_electric is not null as is_typed
            from stated
            where stated.seconds > 0
            {{ computed_once() }}
        )

        select
            rated.hour_at,
            sum(rated.bikes_available * rated.seconds) filter (where rated.docks_usable is not null) as bike_seconds,
            sum(rated.docks_usable * rated.seconds) as dock_seconds,
            sum(rated.bikes_mechanical * rated.seconds) filter (where rated.is_typed) as mechanical_bike_seconds,
            sum(rated.bikes_electric * rated.seconds) filter (where rated.is_typed) as electric_bike_seconds,
            min(cast(rated.bikes_available as double precision) / rated.docks_usable) as fill_rate_min,
            max(cast(rated.bikes_available as double precision) / rated.docks_usable) as fill_rate_max,
            sum(rated.seconds) as observed_seconds,
            sum(rated.seconds) filter (where rated.is_in_service) as in_service_seconds,
            sum(rated.seconds) filter (where {{ is_empty('rated') }}) as empty_seconds,
            sum(rated.seconds) filter (where {{ is_full('rated') }}) as full_seconds,
            sum(rated.seconds) filter (where {{ is_saturated('rated') }}) as saturated_seconds,
            sum(rated.seconds) filter (where rated.is_typed) as typed_seconds
        from rated
        group by rated.hour_at
{% endmacro %}

{#-
    A query: since when a station of `now` (feed, station_code, valid_from of its last interval) is empty, full or saturated without a
    break. Its intervals are looked at backwards, up to the last that was not, or that a gap in the observation ended.
-#}
{% macro status_since(now, kind) %}
    select min(later.valid_from) as since_at
    from {{ ref('int_station_status') }} as later
    where
        later.station_code = {{ now }}.station_code
        and later.feed = {{ now }}.feed
        and later.valid_from > (
            -- There is one: the first begins with time, unlisted.
            select earlier.valid_from
            from (
                select
                    usable.*,
                    {{ docks_usable('usable') }} as docks_usable
                from (
                    select
                        status.valid_from,
                        status.is_listed,
                        status.is_ended_by_gap,
                        {{ is_in_service('status') }} as is_in_service,
                        status.bikes_available,
                        {{ sum_of_known('status.docks_free', 'status.edocks_free') }} as docks_free,
                        {{ sum_of_known('status.docks_total', 'status.edocks_total') }} as docks_total
                    from {{ ref('int_station_status') }} as status
                    where
                        status.station_code = {{ now }}.station_code
                        and status.feed = {{ now }}.feed
                        and status.valid_from < {{ now }}.valid_from
                ) as usable
            ) as earlier
            where
                not earlier.is_listed
                or earlier.is_ended_by_gap
                or not coalesce({{ {'empty': is_empty, 'full': is_full, 'saturated': is_saturated}[kind]('earlier') }}, false)
            order by earlier.valid_from desc
            limit 1
        )
{% endmacro %}
