{#- What is said of a bike's use. -#}

{#- Whether a movement says how much customers use a bike: their rides, and the boomerangs that came to nothing. -#}
{% macro is_use(movement) -%} {{ movement }}.trip_type in ('trip', 'round_trip', 'boomerang') {%- endmacro %}

{#- Whether a ride says how fast its bike goes: from one place to another. -#}
{% macro is_measured(movement) -%} {{ movement }}.trip_type = 'trip' and {{ movement }}.distance_m > 0 {%- endmacro %}

{#-
    In a select list: the sums of a group of movements, `sign` being -1 for those that are gone. Seconds are rounded down and metres
    to the nearest, as in int_trip_durations_daily.
-#}
{% macro bike_usage_sums_of(movement, sign) -%}
    {%- set seconds = whole_seconds_between(movement ~ '.departed_at', movement ~ '.arrived_at') -%}
    {%- set metres = 'cast(round(' ~ movement ~ '.distance_m) as integer)' -%}
    {%- set sums = [
        ('trips', '1', is_customer_trip(movement)),
        ('duration_seconds', seconds, is_customer_trip(movement)),
        ('distance_m', metres, is_customer_trip(movement)),
        ('trips_with_distance', '1', is_customer_trip(movement) ~ ' and ' ~ movement ~ '.distance_m is not null'),
        ('measured_trips', '1', is_measured(movement)),
        ('measured_seconds', seconds, is_measured(movement)),
        ('measured_m', metres, is_measured(movement)),
        ('boomerangs', '1', movement ~ ".trip_type = 'boomerang'"),
        ('moves_mechanical', '1', is_use(movement) ~ ' and not ' ~ movement ~ '.is_electric'),
        ('moves_electric', '1', is_use(movement) ~ ' and ' ~ movement ~ '.is_electric'),
    ] -%}
    {% for name, value, condition in sums %}
        cast(coalesce(sum({{ value if sign == '1' else sign ~ ' * ' ~ value }}) filter (where {{ condition | trim }}), 0) as {{ bike_usage_type(name) }}) as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- Sums of seconds and of metres do not fit into an integer: a clock may be wrong by decades. -#}
{% macro bike_usage_type(sum) -%}
    {{ 'bigint' if sum in ('duration_seconds', 'distance_m', 'measured_seconds', 'measured_m') else 'integer' }}
{%- endmacro %}

{#- A bike's type in a period: that of most of its movements. A bike that a feed calls the one and the other is rare, and it has one row. -#}
{% macro type_of_most(mechanical, electric) -%}
    case
        when {{ electric }} > 0 and {{ electric }} >= {{ mechanical }} then 'electric'
        when {{ mechanical }} > 0 then 'mechanical'
    end
{%- endmacro %}
