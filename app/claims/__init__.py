"""The page Claims: each claim of the recipe with its figures and verdict."""
