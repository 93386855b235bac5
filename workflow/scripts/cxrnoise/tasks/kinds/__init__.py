"""The kinds of tasks, one a module; see `tasks/registry.py`."""
