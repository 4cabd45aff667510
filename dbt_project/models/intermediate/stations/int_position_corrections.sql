{{ config(materialized='view') }}
-- The positions of bikes that corrections hide (compat.localisation_velo): the key of each is its second and its bike.
select
    cast(split_part(corrections.key, '/', 1) as bigint) as snapshot_id,
    substr(corrections.key, strpos(corrections.key, '/') + 1) as bike_id
from {{ ref('stg_corrections') }} as corrections
where corrections.entity = 'position' and corrections.new_value = 'false'
