"""dbt run from our processes: the command, the lock on builds, what need not be built again. What is built is dbt_project's."""
