"""Fit and validate."""
