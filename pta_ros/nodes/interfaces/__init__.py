"""Followed people in the messages that other packages read: /tf, REP 155, costmaps."""
