"""Small wrong versions of the memory core, each a fault that others have shipped, and each caught by a property.

`steps` stand in for `chunk.chunk_step`, `memories` for `NeuralMemory`, `gates` for a gate.
"""
