"""What weights reach on videos that no training saw."""
