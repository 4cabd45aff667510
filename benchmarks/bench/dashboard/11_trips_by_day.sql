-- trips by day of a year, the network
select date_trunc('day', departed_at, 'Europe/Paris') as day_at, count(*) as trips
from mart.fct_trips
where is_customer_trip and departed_at >= %(year)s and departed_at < %(now)s
group by day_at
order by day_at
