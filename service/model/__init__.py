"""Rules: values and decisions. No I/O, no clock, no framework."""
