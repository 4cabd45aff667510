-- Files with the content of the snapshot that counts for their capture time: which of the copies was read first is chance.
select
    path as file_path,
    feed,
    snapshot_at,
    content_hash
from {{ source('raw', 'duplicate_files') }}
