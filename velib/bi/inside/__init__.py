"""What runs in Superset's own environment: configuration, set-up, import and export of the bundle, the server.

All it is told is in three variables: VELIB_BI_HOME, a folder that it keeps everything in, VELIB_BI_DATABASE_URL, the mart as
velib_reader sees it, and VELIB_BI_TIME_ZONE, the network's local time.
"""
