"""The page Anatomy: one token's write taken apart."""
