"""dbt's command line, from what was asked for. What to build (`--select`) dagster-dbt adds, from the selected assets and checks."""


def build_arguments(*, full_refresh: bool = False) -> list[str]:
    """`dbt build` as `velib build` runs it."""
    # Unit tests test the SQL, not the data. They must be named: what selects a model by its name selects them too.
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if full_refresh:
        arguments.append("--full-refresh")
    return arguments
