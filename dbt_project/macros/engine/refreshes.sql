{#-
    When snapshots came into the mart, in intermediate.refreshes: a row a build and feed that gained some. A record of events, not
    a function of the raw tables: a full refresh keeps it. A snapshot is in the mart once every incremental model has applied its
    change set; what a build that died or failed has left out counts with the one that makes up for it.
-#}
{% macro create_refreshes() %}
    do $$
    begin
        if to_regclass('intermediate.refreshes') is null then
            create table intermediate.refreshes (
                build_id text not null,
                feed text, -- null: what was there before there was this record, nobody knows since when
                visible_at timestamptz not null,
                raw_id uuid,
                through_change_set_id integer not null,
                snapshots integer not null,
                first_snapshot_at timestamptz,
                last_snapshot_at timestamptz,
                capture_seconds_min double precision,
                capture_seconds_mean double precision,
                capture_seconds_p95 double precision,
                capture_seconds_max double precision,
                landing_seconds_min double precision,
                landing_seconds_mean double precision,
                landing_seconds_p95 double precision,
                landing_seconds_max double precision
            );
            create index refreshes_by_change_set on intermediate.refreshes (through_change_set_id);
            create index refreshes_by_time on intermediate.refreshes (visible_at);
            insert into intermediate.refreshes (build_id, visible_at, raw_id, through_change_set_id, snapshots)
            select 'before', now(), {{ current_raw_id() }}, built.through_change_set_id, 0
            from ({{ through_all_models() }}) as built
            where built.through_change_set_id > 0;
        end if;
    end
    $$;
    delete from intermediate.refreshes
    where
        visible_at < now() - interval '90 days'
        and through_change_set_id < (select max(through_change_set_id) from intermediate.refreshes);
{% endmacro %}

{#- A query: the last change set that every incremental model has applied. A model that is no more is not behind. -#}
{% macro through_all_models() -%}
    select coalesce(min(change_set_id), 0) as through_change_set_id
    from intermediate.build_watermarks
    where
        coalesce(
            to_regclass('mart.' || quote_ident(model_name)), to_regclass('intermediate.' || quote_ident(model_name))
        ) is not null
{%- endmacro %}

{#-
    At the end of a run: what has become visible by it. Of a snapshot that is written again (a late file's successor) the first
    time counts. A file landed when its time stamp says; where that was too young for the loader to trust, when the load began.
-#}
{% macro note_refreshes() %}
    {% set through = run_query(through_all_models()).columns[0].values()[0] %}
    {% set last = run_query(
        "select coalesce(max(through_change_set_id), 0) from intermediate.refreshes where raw_id is not distinct from "
        ~ current_raw_id()
    ).columns[0].values()[0] %}
    {% if through > last %}
        insert into intermediate.refreshes
        with gained as (
            select
                snapshots.feed,
                snapshots.snapshot_at,
                {{ seconds_between('snapshots.snapshot_at', 'clock_timestamp()') }} as capture_seconds,
                {{ seconds_between(
                    'coalesce(to_timestamp(files.file_modified_ns / 1e9), loads.started_at)', 'clock_timestamp()'
                ) }} as landing_seconds
            from intermediate.int_snapshots as snapshots
            inner join raw.snapshots as files on snapshots.change_set_id = files.change_set_id
            inner join raw.loads as loads on files._dlt_load_id = loads.load_id
            where
                snapshots.change_set_id > {{ last }}
                and snapshots.change_set_id <= {{ through }}
                and not exists (
                    select from raw.snapshots as earlier
                    inner join raw.loads as earlier_loads on earlier._dlt_load_id = earlier_loads.load_id
                    where
                        earlier.feed = snapshots.feed
                        and earlier.snapshot_at = snapshots.snapshot_at
                        and earlier.change_set_id <= {{ last }}
                        and earlier_loads.completed_at is not null
                )
        )

        select
            '{{ invocation_id }}',
            gained.feed,
            clock_timestamp(),
            {{ current_raw_id() }},
            {{ through }},
            count(*),
            min(gained.snapshot_at),
            max(gained.snapshot_at),
            {% for what in ['capture_seconds', 'landing_seconds'] %}
                min(gained.{{ what }}),
                avg(gained.{{ what }}),
                percentile_cont(0.95) within group (order by gained.{{ what }}),
                max(gained.{{ what }}){{ ',' if not loop.last }}
            {% endfor %}
        from gained
        group by gained.feed;
    {% endif %}
{% endmacro %}
