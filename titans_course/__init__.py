"""The course built on titans_mini: studies, figures, labs, exercises, the claims audit, the bug hunt, the reward.

studies -> figures -> lab, exercises, claims: each may import those before it, and titans_mini imports none of them.
"""
