"""The operator's API: keys."""
