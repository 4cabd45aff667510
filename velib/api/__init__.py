"""The API over the mart: HTTP in, a query as the reader, JSON, CSV, Arrow or Parquet out. Stands on `warehouse` alone."""
