"""Errors, jobs, files, provenance, randomness and settings: nothing here knows medicine."""
