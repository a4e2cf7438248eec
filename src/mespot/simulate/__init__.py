"""Labelled video from a still or a neutral clip."""
