"""Speed and memory of the memory, beside a peer, on this machine: `python -m benchmarks [--quick] [--out FOLDER]`.

Every case runs in a process of its own, so that peak memory is that of the case. Contestants of one case take turns,
and the median of their runs counts. The share of peak is counted operations over time over what a large matrix product
reaches in the same process.
"""
