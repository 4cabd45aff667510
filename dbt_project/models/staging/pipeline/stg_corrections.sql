-- The corrections in force: of each field of a station or bike the last that was not undone. A short list, which people make.
with standing as (
    select
        made.entity,
        made.key,
        made.field,
        made.new_value,
        made.correction_id,
        row_number() over (partition by made.entity, made.key, made.field order by made.correction_id desc) as newest_first
    from corrections.made as made
    where
        not exists (
            select 1
            from corrections.undone as undone
            where undone.correction_id = made.correction_id
        )
)

select
    standing.entity,
    standing.key,
    standing.field,
    standing.new_value,
    standing.correction_id
from standing
where standing.newest_first = 1
