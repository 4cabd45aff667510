-- departures and arrivals by hour of a day, the network
select
    extract(hour from ends.at at time zone 'Europe/Paris') as hour_of_day,
    sum(ends.departures) as departures, sum(ends.arrivals) as arrivals
from mart.fct_trips as trip
cross join lateral (values (trip.departed_at, 1, 0), (trip.arrived_at, 0, 1)) as ends (at, departures, arrivals)
where
    trip.is_customer_trip
    -- no ride of a customer is longer than three hours: that would be of type `long`
    and trip.departed_at >= %(day)s - interval '3 hours' and trip.departed_at < %(day_end)s
    and ends.at >= %(day)s and ends.at < %(day_end)s
group by hour_of_day
