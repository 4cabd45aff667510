{#-
    What only PostgreSQL says, in one place: another engine overrides these by adapter dispatch.
-#}

{% macro seconds_between(start, finish) -%}
    {{ return(adapter.dispatch('seconds_between', 'velib')(start, finish)) }}
{%- endmacro %}
{% macro default__seconds_between(start, finish) -%}
    date_part('epoch', ({{ finish }}) - ({{ start }}))
{%- endmacro %}

{#- The same rounded down. Between a clock that was never set and the next right one lie more seconds than an integer holds. -#}
{% macro whole_seconds_between(start, finish) -%}
    cast(floor({{ seconds_between(start, finish) }}) as bigint)
{%- endmacro %}

{#- A moment between two, at `share` of the way. -#}
{% macro moment_between(start, finish, share) -%}
    {{ return(adapter.dispatch('moment_between', 'velib')(start, finish, share)) }}
{%- endmacro %}
{% macro default__moment_between(start, finish, share) -%}
    ({{ start }} + (({{ finish }}) - ({{ start }})) * {{ share }})
{%- endmacro %}

{#- A time stamp without zone in the network's local time. -#}
{% macro local_time(moment) -%}
    {{ return(adapter.dispatch('local_time', 'velib')(moment)) }}
{%- endmacro %}
{% macro default__local_time(moment) -%}
    (({{ moment }}) at time zone '{{ var("time_zone") }}')
{%- endmacro %}

{#- The begin of the hour that a moment lies in: an hour of the network's local time, always 3,600 seconds long. -#}
{% macro hour_of(moment) -%}
    {{ return(adapter.dispatch('hour_of', 'velib')(moment)) }}
{%- endmacro %}
{% macro default__hour_of(moment) -%}
    date_bin(interval '1 hour', {{ moment }}, timestamptz '2000-01-01 00:00 {{ var("time_zone") }}')
{%- endmacro %}

{#- A number of each hour: one more for the hour that follows. -#}
{% macro hour_number(hour) -%}
    {{ return(adapter.dispatch('hour_number', 'velib')(hour)) }}
{%- endmacro %}
{% macro default__hour_number(hour) -%}
    cast(date_part('epoch', {{ hour }}) as bigint) / 3600
{%- endmacro %}

{#- The whole second that a moment lies in: lengths between whole seconds add up exactly, however a stretch is cut. -#}
{% macro second_of(moment) -%}
    {{ return(adapter.dispatch('second_of', 'velib')(moment)) }}
{%- endmacro %}
{% macro default__second_of(moment) -%}
    date_bin(interval '1 second', {{ moment }}, timestamptz '2000-01-01 00:00 UTC')
{%- endmacro %}

{#- A moment some hours later. -#}
{% macro hours_after(moment, hours) -%}
    {{ return(adapter.dispatch('hours_after', 'velib')(moment, hours)) }}
{%- endmacro %}
{% macro default__hours_after(moment, hours) -%}
    ({{ moment }} + interval '{{ hours }} hours')
{%- endmacro %}

{#- In a select list: a row for each hour, from the hour `first` to that of `last`. What element_of says of plans holds here too. -#}
{% macro hours_from(first, last) -%}
    {{ return(adapter.dispatch('hours_from', 'velib')(first, last)) }}
{%- endmacro %}
{% macro default__hours_from(first, last) -%} generate_series({{ first }}, {{ last }}, interval '1 hour') {%- endmacro %}

{#- The local day, and the local hour of the day, that a moment lies in. -#}
{% macro local_day(moment) -%} cast({{ local_time(moment) }} as date) {%- endmacro %}
{% macro local_hour(moment) -%} cast(extract(hour from {{ local_time(moment) }}) as smallint) {%- endmacro %}

{#- 1 is Monday. -#}
{% macro day_of_week(day) -%} cast(extract(isodow from {{ day }}) as smallint) {%- endmacro %}

{#- The first day of a day's month. -#}
{% macro month_of(day) -%}
    {{ return(adapter.dispatch('month_of', 'velib')(day)) }}
{%- endmacro %}
{% macro default__month_of(day) -%}
    cast(date_trunc('month', cast({{ day }} as timestamp)) as date)
{%- endmacro %}

{#- The first day of a day's ISO week, a Monday. -#}
{% macro week_of(day) -%}
    {{ return(adapter.dispatch('week_of', 'velib')(day)) }}
{%- endmacro %}
{% macro default__week_of(day) -%}
    cast(date_trunc('week', cast({{ day }} as timestamp)) as date)
{%- endmacro %}

{#- The first day of the month after it. -#}
{% macro next_month(month) -%}
    {{ return(adapter.dispatch('next_month', 'velib')(month)) }}
{%- endmacro %}
{% macro default__next_month(month) -%}
    cast({{ month }} + interval '1 month' as date)
{%- endmacro %}

{#- The first moment of a local day. -#}
{% macro begin_of_day(day) -%}
    {{ return(adapter.dispatch('begin_of_day', 'velib')(day)) }}
{%- endmacro %}
{% macro default__begin_of_day(day) -%}
    (cast({{ day }} as timestamp) at time zone '{{ var("time_zone") }}')
{%- endmacro %}

{#-
    Where an interval ends that has not ended. A date and not infinity, which clients misread or refuse; of those that all of them have
    (nanoseconds since 1970 end in 2262), after every capture time (LATEST in ingestion/landing/capture_time.py).
-#}
{% macro forever() -%}
    {{ return(adapter.dispatch('forever', 'velib')()) }}
{%- endmacro %}
{% macro default__forever() -%} cast('2200-01-01 00:00:00+00' as timestamptz) {%- endmacro %}

{% macro since_ever() -%}
    {{ return(adapter.dispatch('since_ever', 'velib')()) }}
{%- endmacro %}
{% macro default__since_ever() -%} cast('-infinity' as timestamptz) {%- endmacro %}

{#- An id from a key, the same wherever and whenever it is computed. -#}
{% macro hashed_id(expression) -%}
    {{ return(adapter.dispatch('hashed_id', 'velib')(expression)) }}
{%- endmacro %}
{% macro default__hashed_id(expression) -%}
    cast(md5({{ expression }}) as uuid)
{%- endmacro %}

{% macro epoch_seconds(moment) -%}
    {{ return(adapter.dispatch('epoch_seconds', 'velib')(moment)) }}
{%- endmacro %}
{% macro default__epoch_seconds(moment) -%}
    cast(floor(extract(epoch from ({{ moment }}) at time zone 'UTC')) as bigint)
{%- endmacro %}

{#- Whether a text is a plain whole number. -#}
{% macro is_digits(expression) -%}
    {{ return(adapter.dispatch('is_digits', 'velib')(expression)) }}
{%- endmacro %}
{% macro default__is_digits(expression) -%}
    {{ expression }} ~ '^[0-9]{1,9}$'
{%- endmacro %}

{#- Text that sorts and compares by code point, as the loader's does, whatever the database's collation. -#}
{% macro by_code_point(expression) -%}
    {{ return(adapter.dispatch('by_code_point', 'velib')(expression)) }}
{%- endmacro %}
{% macro default__by_code_point(expression) -%}
    ({{ expression }}) collate "C"
{%- endmacro %}

{#- One row a day, column `date_day`, both ends included. -#}
{% macro days_between(first, last) -%}
    {{ return(adapter.dispatch('days_between', 'velib')(first, last)) }}
{%- endmacro %}
{% macro default__days_between(first, last) -%}
    select cast(day_start as date) as date_day
    from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as series (day_start)
{%- endmacro %}

{#- One row a whole number, column `number`. -#}
{% macro numbers_between(first, last) -%}
    {{ return(adapter.dispatch('numbers_between', 'velib')(first, last)) }}
{%- endmacro %}
{% macro default__numbers_between(first, last) -%}
    select series.number from generate_series({{ first }}, {{ last }}) as series (number)
{%- endmacro %}

{#- Great-circle distance in metres between two points in degrees; null where one of the positions is not known. -#}
{% macro great_circle_m(latitude_1, longitude_1, latitude_2, longitude_2) -%}
    case
        when
            {{ latitude_1 }} is not null
            and {{ longitude_1 }} is not null
            and {{ latitude_2 }} is not null
            and {{ longitude_2 }} is not null
            then 2 * {{ var("earth_radius_m") }} * asin(least(1.0, sqrt(
                power(sin(radians({{ latitude_2 }} - {{ latitude_1 }}) / 2), 2)
                + cos(radians({{ latitude_1 }})) * cos(radians({{ latitude_2 }}))
                * power(sin(radians({{ longitude_2 }} - {{ longitude_1 }}) / 2), 2)
            )))
    end
{%- endmacro %}

{#- Microseconds since 1970 as text: a time stamp's identity, whatever the session's time zone or display format. -#}
{% macro epoch_microseconds(moment) -%}
    {{ return(adapter.dispatch('epoch_microseconds', 'velib')(moment)) }}
{%- endmacro %}
{% macro default__epoch_microseconds(moment) -%}
    cast(cast(extract(epoch from {{ moment }}) * 1000000 as bigint) as text)
{%- endmacro %}

{#- A whole number from a key, the same wherever and whenever it is computed: 60 bits of its hash. -#}
{% macro hashed_number(expression) -%}
    {{ return(adapter.dispatch('hashed_number', 'velib')(expression)) }}
{%- endmacro %}
{% macro default__hashed_number(expression) -%}
    cast(cast('x' || substr(md5({{ expression }}), 1, 15) as bit(60)) as bigint)
{%- endmacro %}

{#-
    In a select list: a row for each element of the array. Several arrays of a list go side by side, and a null array is one of nulls.
    A query with it is planned on its own: what is to come from few rows has to be said as a condition on its other columns.
-#}
{% macro element_of(array) -%}
    {{ return(adapter.dispatch('element_of', 'velib')(array)) }}
{%- endmacro %}
{% macro default__element_of(array) -%} unnest({{ array }}) {%- endmacro %}

{#-
    At the end of a CTE: each of its expressions is computed once a row. Else the planner puts the expression wherever its name
    is used, and again for each use within those.
-#}
{% macro computed_once() -%}
    {{ return(adapter.dispatch('computed_once', 'velib')()) }}
{%- endmacro %}
{% macro default__computed_once() -%} offset 0 {%- endmacro %}
