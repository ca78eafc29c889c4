"""What every group of llmring-server needs; becomes the core layer on AWS."""

__version__ = "0.1.0"
