"""Questions that lessons and pages put to the memory and to the models, each answered by a measurement."""
