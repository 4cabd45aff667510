"""dbt's command line, from what was asked for. What to build (`--select`) dagster-dbt adds, from the selected assets."""


def build_arguments(*, full_refresh: bool = False, full_tests: bool = False, checks_only: bool = False) -> list[str]:
    """`dbt build` as `velib build` runs it. Tests tagged `full` read all of history: only when asked for, or run by name."""
    arguments = ["build", "--exclude-resource-type", "unit_test"]  # they test the SQL, not the data
    if not full_tests and not checks_only:
        arguments += ["--exclude", "tag:full"]
    if full_refresh:
        arguments.append("--full-refresh")
    return arguments
