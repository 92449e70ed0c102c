"""Small wrong versions of the memory core, each a fault that others have shipped, and each caught by a property.

`steps` stand in for `builders.plain_step`, `memories` for `NeuralMemory`, `gates` for a gate.
"""
