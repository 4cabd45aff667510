"""Where files are and how their bytes are had: folders, S3, other stores, containers; what a name says of time and feed.

Callers use `landing_zone`. What belongs to one kind of place lies in its module (`folder`, `bucket`, `remote`), and `store`
alone asks which one a path belongs to. What the bytes mean is for `formats`; what is known of a file is for `loading`.
"""
