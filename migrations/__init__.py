"""The schema's history: Alembic revisions, run at the controller's start."""
