"""The lessons' pictures as functions, which `tools/images.py` draws."""
