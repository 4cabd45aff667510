"""Dagster: the warehouse as assets, run on a schedule and watched. Thin: what is done lives in `ingestion` and in dbt.

`definitions` is the code location, `defs/` has the definitions by kind, `lib/` what they are made of, `commands` `velib ui`.
"""
