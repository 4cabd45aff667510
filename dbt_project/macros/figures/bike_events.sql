{#-
    The CTE `events`, to which int_bike_locations applies its rule: what was reported of the bikes in the stretches of `scope`, all of it
    in a build from scratch. One row an event: the bike was reported as present, or as gone (not is_present), at event_at, which
    lies before to_at, the end of its stretch.

    A stretch at the end of a feed continues the bike's last interval. Of the reports of that one, its row says enough: the last of
    them is the event, with begun_at and first_battery_percent of the first. No old change set is read.

    A stretch in which late files have changed what was (scope.is_reread) is read again from the change sets that count now, from the
    start of the last interval before it: nothing is taken from the old rows. Pruning leaves what that needs
    (ingestion/retention/pruning.py). The table of all bike changes has no index but change_set_id; `offset 0` keeps it from being
    read whole.
-#}
{% macro bike_events(scope) -%}
{% set applied = applied_through(this.identifier) if is_incremental() -%}
{% set reported = [
    'station_code', 'is_electric', 'bike_status', 'dock', 'battery_percent', 'block_cause', 'latitude', 'longitude'
] -%}
read_sets as (
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.change_set_id
    from {{ ref('int_snapshots') }} as snapshots
    {% if is_incremental() %}
    where snapshots.change_set_id > {{ applied }}
    union
    select
        snapshots.feed,
        snapshots.snapshot_at,
        snapshots.change_set_id
    from (
        select
            scope.feed,
            min(scope.from_at) as from_at,
            max(scope.to_at) as to_at
        from {{ ref(scope) }} as scope
        where scope.is_reread
        group by scope.feed
    ) as reread
    inner join {{ ref('int_snapshots') }} as snapshots
        on
            reread.feed = snapshots.feed
            and reread.from_at <= snapshots.snapshot_at
            and reread.to_at > snapshots.snapshot_at
    {% endif %}
),

-- Joined on their own: the planner expects few of them, and would go through the scope for each.
read_changes as (
    select
        read_sets.feed,
        read_sets.snapshot_at,
        changes.*,
        changes.bike_type = 'electric' as is_electric
    from read_sets
    {% if is_incremental() %}
    cross join lateral (
        select stated_then.*
        from {{ ref('stg_bike_changes') }} as stated_then
        where stated_then.change_set_id = read_sets.change_set_id
        order by stated_then.change_set_id
        offset 0
    ) as changes
    {% else %}
    inner join {{ ref('stg_bike_changes') }} as changes on read_sets.change_set_id = changes.change_set_id
    {% endif %}
    {{ computed_once() }}
),

{% if is_incremental() %}
old_rows as (
    select
        old_row.*,
        scope.to_at,
        lead(old_row.valid_from, 1, scope.to_at) over (
            partition by old_row.bike_id, old_row.feed order by old_row.valid_from
        ) as next_valid_from
    from {{ this }} as old_row
    {{ join_scope(scope, 'bike_id', 'old_row', 'valid_from') }}
    where not scope.is_reread
),
{% endif %}

events as (
    select
        changes.feed,
        changes.bike_id,
        changes.snapshot_at as event_at,
        changes.snapshot_at as begun_at,
        {{ 'scope.to_at' if is_incremental() else forever() ~ ' as to_at' }},
        changes.is_present,
        changes.battery_percent as first_battery_percent,
        {{ columns_of('changes', reported) }}
    from read_changes as changes
    {% if is_incremental() %}
    {{ join_scope(scope, 'bike_id', 'changes', 'snapshot_at') }}
    where scope.is_reread or changes.change_set_id > {{ applied }}
    union all
    select
        old_rows.feed,
        old_rows.bike_id,
        coalesce(old_rows.reported_again_at, old_rows.valid_from) as event_at,
        old_rows.valid_from as begun_at,
        old_rows.to_at,
        true as is_present,
        old_rows.first_battery_percent,
        {{ columns_of('old_rows', reported) }}
    from old_rows
    union all
    -- Departures: an interval that has ended, and not by the next one.
    select
        old_rows.feed,
        old_rows.bike_id,
        old_rows.valid_to as event_at,
        old_rows.valid_to as begun_at,
        old_rows.to_at,
        false as is_present,
        old_rows.first_battery_percent,
        {{ columns_of('old_rows', reported) }}
    from old_rows
    where old_rows.valid_to < old_rows.next_valid_from
    {% endif %}
)
{%- endmacro %}
