"""Service information and health."""
