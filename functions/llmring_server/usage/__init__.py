"""Usage logs, their costs and statistics."""
