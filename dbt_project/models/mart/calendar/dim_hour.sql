-- The hours of a day, local time.
select
    hours.number as hour_of_day,
    lpad(cast(hours.number as text), 2, '0') || ':00' as hour_label,
    case
        when hours.number between 7 and 9 then 'morning rush'
        when hours.number between 10 and 15 then 'day'
        when hours.number between 16 and 19 then 'evening rush'
        when hours.number between 20 and 22 then 'evening'
        else 'night'
    end as day_part
from ({{ numbers_between(0, 23) }}) as hours
