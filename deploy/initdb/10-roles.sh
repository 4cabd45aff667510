#!/bin/sh
# Run once, by the postgres image, when the volume is empty: Dagster's own database and role, the reader of the marts, and
# the one who corrects them. What these may do, dbt grants. \getenv keeps the passwords off the command line.
set -eu
psql --set ON_ERROR_STOP=1 --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv dagster_password DAGSTER_DB_PASSWORD
\getenv reader_password VELIB_READER_PASSWORD
\getenv corrector_password VELIB_CORRECTOR_PASSWORD
create role dagster login password :'dagster_password';
create database dagster owner dagster;
revoke all on database dagster from public;
create role velib_reader login password :'reader_password';
create role velib_corrector login password :'corrector_password';
grant velib_reader to velib_corrector;
revoke all on database velib, postgres, template1 from public;
grant connect on database velib to velib_reader, velib_corrector;
revoke all on schema public from public;
SQL
