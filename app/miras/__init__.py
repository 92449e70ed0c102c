"""The page MIRAS: a memory built from four parts, and run."""
