{{ config(severity='warn') }}
-- Catches a model that fell behind: after a build every incremental model has applied the same change sets. Its rows would
-- be right and old, which no other test sees. A warning, as a build of only some models (--select) leaves the others behind
-- with reason.
-- depends_on: {{ ref('int_snapshots') }}, {{ ref('int_trips') }}, {{ ref('int_station_history') }}
-- depends_on: {{ ref('int_station_daily') }}, {{ ref('int_station_fill') }}, {{ ref('int_network_hourly') }}
-- depends_on: {{ ref('kpi_trips_daily') }}, {{ ref('int_routes_monthly') }}
{% set names = [] %}
{% if execute %}
    {% for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'incremental' %}
        {% do names.append(node.name) %}
    {% endfor %}
{% endif %}
select
    built.model_name,
    built.change_set_id
from intermediate.build_watermarks as built
where
    built.model_name in ('{{ names | sort | join("', '") }}')
    and built.change_set_id <> (
        select snapshots.change_set_id
        from intermediate.build_watermarks as snapshots
        where snapshots.model_name = 'int_snapshots'
    )
