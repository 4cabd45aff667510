{{ config(materialized='view') }}
-- What is corrected of each bike that is (macros/figures/corrections.sql).
{{ corrections_by_key('bike', 'bike_id') }}
