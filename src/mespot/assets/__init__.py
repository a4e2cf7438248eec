"""Data that ships with the package: networks for faces, default weights, a sample clip (see NOTICE)."""
