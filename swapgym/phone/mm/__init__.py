"""Memory: who holds each page, how reclaim gets it back, the contended lock on the way, and what stalls are counted."""
