{{ config(materialized='view') }}
-- One row a run of dbt that made models. A record of events: builds write it (macros/engine/builds.sql), and it depends on
-- when things
-- were done. Whoever keeps answers from the mart knows by it how long they hold.
-- depends_on: {{ ref('int_snapshots') }}
select
    invocation_id as build_id,
    build_number,
    started_at,
    ended_at,
    has_succeeded,
    {{ seconds_between('started_at', 'ended_at') }} as duration_seconds
from intermediate.builds
