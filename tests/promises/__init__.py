"""Promises under races, crashes and faults, with real processes."""
