-- fill of a district by weekday and hour, a month
select day_of_week, hour_of_day, fill_rate, bikes_mechanical, bikes_electric
from mart.kpi_district_fill_heatmap
where
    feed = %(feed)s and district_code = %(district)s
    and date_month = cast(date_trunc('month', %(month)s at time zone 'Europe/Paris') as date)
