"""Commands of `titans-mini` that need more than titans_mini: they join it as entry points (see pyproject.toml)."""
