"""Depth frames of one's own, marked by hand, against what a model makes of them."""
