"""Detections against annotations."""
