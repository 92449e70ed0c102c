"""Training that resumes, the tasks it learns, evaluation at any length, and weights with a card."""
