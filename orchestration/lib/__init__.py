"""What the definitions are made of: resources, and functions that can be tested without Dagster running."""
