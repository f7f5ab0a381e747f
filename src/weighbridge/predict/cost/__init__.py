"""What serving costs: demand into replicas, replicas into bills, bills into break-evens.

Everything is computed on arrays, one element per way the world may be: the base case, 10,000 draws,
both ends of every driver and every volume of a scan go through the same few functions.
"""
