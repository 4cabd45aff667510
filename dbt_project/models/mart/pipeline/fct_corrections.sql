{{ config(materialized='view') }}
-- One row a correction of one field of a station or bike: what people said against the files, and whether it still counts. A
-- record of what people did (macros/figures/corrections.sql), not a function of the files.
-- depends_on: {{ ref('stg_corrections') }}
select
    made.correction_id,
    made.made_at,
    made.made_by,
    made.entity,
    made.key,
    made.field,
    made.old_value,
    made.new_value,
    made.reason,
    undone.undone_at,
    undone.undone_by,
    undone.reason as undone_reason,
    coalesce(standing.correction_id = made.correction_id, false) as is_in_force
from corrections.made as made
left join corrections.undone as undone on made.correction_id = undone.correction_id
left join {{ ref('stg_corrections') }} as standing
    on made.entity = standing.entity and made.key = standing.key and made.field = standing.field
