"""Facts about the dbt project: its folder, its variables, the place of its run log."""
