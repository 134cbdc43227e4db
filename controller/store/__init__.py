"""The controller's state in Postgres: tables, and one store per port."""
