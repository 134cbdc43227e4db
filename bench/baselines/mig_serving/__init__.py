"""MIG-serving: one process an instance; a greedy pass, then a genetic search whose gaps a tree search fills.

Source: Tan et al., "Serving DNN Models with Multi-Instance GPUs: A Case of the Reconfigurable Machine Scheduling
Problem" (arXiv 2109.11067). Where it leaves a choice open, the docstrings say what is done here.
"""
