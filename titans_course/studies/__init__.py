"""Measurements on the memory and the models that answer the questions of the lessons and pages."""
