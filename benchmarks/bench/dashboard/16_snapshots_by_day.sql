-- snapshots and gaps by day, a month
select
    date_trunc('day', snapshot_at, 'Europe/Paris') as day_at, count(*) as snapshots,
    count(*) filter (where is_after_gap) as gaps, max(gap_seconds) as longest_seconds
from mart.fct_snapshots
where feed = %(feed)s and snapshot_at >= %(month)s and snapshot_at < %(month_end)s
group by day_at
order by day_at
