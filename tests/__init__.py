"""Tests, named as promises; folders mirror the code, `stories` run end to end."""
