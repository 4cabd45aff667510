"""The proof of the invariant: for one set of files the mart is the same, whatever happens on the way to it.

A case is a small random network over time, written as the files of a feed of its own (`shapes`, `world`, `case`). A
history is a random way of loading and building the files of many cases (`history`). What comes out is held against a
full refresh, one load in order, and the brute force of tests/reference (`proof`, `marts`). `make prove` is `__main__`.
Everything follows from a seed but the moment at which a killed process dies.
"""
