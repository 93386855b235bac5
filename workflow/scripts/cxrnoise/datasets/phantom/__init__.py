"""Synthetic chest radiographs whose truth is known."""
