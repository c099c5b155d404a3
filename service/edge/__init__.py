"""HTTP in: parse, limit, authenticate, answer. The only place that knows Flask."""
