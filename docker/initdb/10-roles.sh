#!/bin/sh
# Run once, by the postgres image, when the volume is empty: Dagster's own database and role, and the reader of the marts.
# What the reader may read, dbt grants. \getenv keeps the passwords off the command line.
set -eu
psql --set ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv dagster_password DAGSTER_DB_PASSWORD
\getenv reader_password VELIB_READER_PASSWORD
create role dagster login password :'dagster_password';
create database dagster owner dagster;
revoke all on database dagster from public;
create role velib_reader login password :'reader_password';
revoke all on database velib, postgres, template1 from public;
grant connect on database velib to velib_reader;
revoke all on schema public from public;
SQL
