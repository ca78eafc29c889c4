"""What every group of llmring-server needs; becomes the core layer on AWS."""
