{{ config(tags=['full']) }}
-- Catches absences and status that were built from different change sets, or by rules that differ: each time in which a station
-- is not listed stands in both.
with unlisted as (
    select
        status.feed,
        status.station_code,
        status.valid_from,
        status.valid_to
    from {{ ref('int_station_status') }} as status
    where not status.is_listed
)

select
    coalesce(absences.feed, unlisted.feed) as feed,
    coalesce(absences.station_code, unlisted.station_code) as station_code,
    absences.valid_from as absent_from,
    unlisted.valid_from as unlisted_from
from {{ ref('int_station_absences') }} as absences
full outer join unlisted
    on
        absences.feed = unlisted.feed
        and absences.station_code = unlisted.station_code
        and absences.valid_from = unlisted.valid_from
        and absences.valid_to = unlisted.valid_to
where absences.feed is null or unlisted.feed is null
