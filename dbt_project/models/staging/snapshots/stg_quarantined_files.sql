-- Files that are in quarantine now: of those repaired since, raw keeps a record that nobody asks for here.
select
    path as file_path,
    content_hash,
    feed,
    snapshot_at,
    reason
from {{ source('raw', 'quarantined_files') }}
where resolved_at is null
