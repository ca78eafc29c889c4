"""The public model registry, proxied."""
