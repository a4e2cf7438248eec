"""The experiment of the paper: leave one subject out, from raw files to tables."""
