{{ config(materialized='view', post_hook="{{ create_critical_stations() }}") }}
-- One row a feed and rank: the ten most critical stations in the two hours before the feed's newest snapshot. The query and the
-- function mart.critical_stations, which is the same for any moment, are in macros/figures/critical_stations.sql.
{% set at_the_last = 'select last.feed, last.feed_last_at, last.feed_last_at as to_at from (' ~ last_snapshots() ~ ') as last' %}
{{ critical_stations(at_the_last, var('critical_stations')) }}
