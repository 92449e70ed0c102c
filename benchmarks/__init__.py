"""Speed and size of the memory against a peer, on this machine: `python -m benchmarks [--quick] [--out FOLDER]`.

Each case runs in its own process, so that the peak of memory belongs to the case. The contestants of a case take
turns, and the median of their runs counts. The share of peak is the speed in counted operations, relative to what a
large matrix product reaches in the same process.
"""
