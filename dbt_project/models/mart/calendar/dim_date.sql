-- The days, with French public holidays. Easter by the Gregorian algorithm of Meeus, Jones and Butcher; the movable feasts
-- hang on it.
with years as (
    select series.number as year_number
    from ({{ numbers_between(var('first_year'), var('last_year')) }}) as series
),

easter_1 as (
    select
        years.year_number,
        years.year_number % 19 as a,
        cast(floor(years.year_number / 100.0) as integer) as b,
        years.year_number % 100 as c
    from years
),

easter_2 as (
    select
        easter_1.*,
        cast(floor((easter_1.b - floor((easter_1.b + 8) / 25.0) + 1) / 3.0) as integer) as g
    from easter_1
),

easter_3 as (
    select
        easter_2.*,
        cast(19 * easter_2.a + easter_2.b - floor(easter_2.b / 4.0) - easter_2.g + 15 as integer) % 30 as h
    from easter_2
),

easter_4 as (
    select
        easter_3.*,
        cast(
            32 + 2 * (easter_3.b % 4) + 2 * floor(easter_3.c / 4.0) - easter_3.h - easter_3.c % 4 as integer
        ) % 7 as l
    from easter_3
),

easter_5 as (
    select
        easter_4.*,
        cast(floor((easter_4.a + 11 * easter_4.h + 22 * easter_4.l) / 451.0) as integer) as m
    from easter_4
),

easter as (
    select
        easter_5.year_number,
        make_date(
            easter_5.year_number,
            cast(floor((easter_5.h + easter_5.l - 7 * easter_5.m + 114) / 31.0) as integer),
            (easter_5.h + easter_5.l - 7 * easter_5.m + 114) % 31 + 1
        ) as easter_sunday
    from easter_5
),

holidays as (
    {% for month, day, name in [
        (1, 1, "Jour de l'an"), (5, 1, 'Fête du travail'), (5, 8, 'Victoire 1945'), (7, 14, 'Fête nationale'),
        (8, 15, 'Assomption'), (11, 1, 'Toussaint'), (11, 11, 'Armistice 1918'), (12, 25, 'Noël'),
    ] %}
        select
            make_date(years.year_number, {{ month }}, {{ day }}) as date_day,
            '{{ name | replace("'", "''") }}' as holiday_name
        from years
        union all
    {% endfor %}
    {% for days, name in [(1, 'Lundi de Pâques'), (39, 'Ascension'), (50, 'Lundi de Pentecôte')] %}
        select
            easter.easter_sunday + {{ days }} as date_day,
            '{{ name }}' as holiday_name
        from easter
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- Ascension may fall on another holiday (1 May 2008, 8 May 2059): one row a day all the same.
holiday_days as (
    select
        holidays.date_day,
        string_agg(holidays.holiday_name, ', ' order by holidays.holiday_name) as holiday_name
    from holidays
    group by holidays.date_day
),

days as (
    select
        dates.date_day,
        cast(extract(isodow from dates.date_day) as integer) as day_of_week
    from (
        {{ days_between("make_date(" ~ var('first_year') ~ ", 1, 1)", "make_date(" ~ var('last_year') ~ ", 12, 31)") }}
    ) as dates
)

select
    days.date_day,
    cast(extract(year from days.date_day) as integer) as year_number,
    cast(extract(quarter from days.date_day) as integer) as quarter_number,
    cast(extract(month from days.date_day) as integer) as month_number,
    {{ name_of('extract(month from days.date_day)', [
        'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'
    ]) }} as month_name,
    cast(extract(day from days.date_day) as integer) as day_of_month,
    cast(extract(isoyear from days.date_day) as integer) as iso_year_number,
    cast(extract(week from days.date_day) as integer) as iso_week_number,
    days.day_of_week,
    {{ name_of('days.day_of_week', [
        'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'
    ]) }} as day_name,
    {{ name_of('days.day_of_week', [
        'lundi', 'mardi', 'mercredi', 'jeudi', 'vendredi', 'samedi', 'dimanche'
    ]) }} as day_name_fr,
    days.day_of_week >= 6 as is_weekend,
    holiday_days.date_day is not null as is_public_holiday,
    holiday_days.holiday_name
from days
left join holiday_days on days.date_day = holiday_days.date_day
