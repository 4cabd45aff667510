"""fct_trips against the simulator's truth: what is found and what is lost at 1, 5 and 15 minutes, how exact the times are, and
what each rule of the trip types is worth.

What belongs here: the truth as a timeline of each bike (`truth`), what snapshots can show of it at best (`observer`), the rows of
the mart with what they truly are (`matching`), the rules with other thresholds (`rules`), and docs/trips.md made of it (`figures`,
`page`, `plots`). The truth and the times of the snapshots are all that `truth` and `observer` know: nothing of the mart goes in.

`python -m benchmarks.trips_truth` does it all.
"""
