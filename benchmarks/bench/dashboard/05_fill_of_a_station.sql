-- fill of a station by weekday and hour, a month
select day_of_week, hour_of_day, fill_rate, bikes_mechanical, bikes_electric
from mart.kpi_fill_heatmap
where
    feed = %(feed)s and station_code = %(station)s
    and date_month = cast(date_trunc('month', %(month)s at time zone 'Europe/Paris') as date)
