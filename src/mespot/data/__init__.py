"""Annotated videos: one loader per dataset, and `table` for any other."""
