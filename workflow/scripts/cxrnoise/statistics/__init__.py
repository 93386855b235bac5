"""Intervals, agreement and trends."""
