"""The page Tuning: the two-stage grid, its progress and what it saved."""
