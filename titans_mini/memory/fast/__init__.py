"""The same numbers as the chunk form, faster. A first reader skips this folder.

backward.py    the backward pass of a chunk by hand: training takes a fifth less time
recompute.py   training on long sequences: the graph of each block is discarded and rebuilt
single.py      one row token by token on the CPU, for `simulate`
kernel.py      the token loop as one Triton kernel (recurrence.py), for CUDA
"""
