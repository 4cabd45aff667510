{{ config(materialized='view') }}
-- One row a build and feed that gained snapshots by it. A record of events: builds write it at their end
-- (macros/engine/refreshes.sql), a full refresh keeps it, and it depends on when things were done.
-- depends_on: {{ ref('int_snapshots') }}
select
    build_id,
    feed,
    visible_at,
    snapshots,
    first_snapshot_at,
    last_snapshot_at,
    capture_seconds_min,
    capture_seconds_mean,
    capture_seconds_p95,
    capture_seconds_max,
    landing_seconds_min,
    landing_seconds_mean,
    landing_seconds_p95,
    landing_seconds_max
from intermediate.refreshes
where feed is not null
