"""Stand-ins for Reloadly's hosts: one module per product, what they share beside it."""
