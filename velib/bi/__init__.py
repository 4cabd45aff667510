"""Apache Superset on the mart: its dashboards as files, its set-up, and their check in a browser.

Superset lives in an environment of its own, since its packages and ours exclude each other. `velib/bi/inside` runs there and knows
nothing of the warehouse but a URL; the rest of `bi` runs with the warehouse and knows nothing of Superset but its files.
"""
