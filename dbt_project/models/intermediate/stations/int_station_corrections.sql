{{ config(materialized='view') }}
-- What is corrected of each station that is (macros/figures/corrections.sql).
{{ corrections_by_key('station', 'station_code') }}
