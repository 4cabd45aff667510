"""Feeds to files of the landing zone: HTTP, ticking, what is kept between ticks; `velib poll`. Knows no Dagster and no dbt.

Collecting only writes files. Loading and building them is left to the verbs that do that.
"""
