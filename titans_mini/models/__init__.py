"""Blocks around the memory (LMM, MAC, MAG, MAL), attention, and the language model that is made of them."""
