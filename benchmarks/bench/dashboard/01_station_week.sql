-- a station's week
select valid_from, valid_to, state, bikes_mechanical, bikes_electric, docks_free
from mart.fct_station_status
where
    feed = %(feed)s
    and station_code = %(station)s
    and valid_from >= (
        select coalesce(max(earlier.valid_from), %(week)s)
        from mart.fct_station_status as earlier
        where earlier.feed = %(feed)s and earlier.station_code = %(station)s and earlier.valid_from <= %(week)s
    )
    and valid_from < %(week_end)s
order by valid_from
