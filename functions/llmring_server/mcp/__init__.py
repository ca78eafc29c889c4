"""Servers of the Model Context Protocol: registered, discovered, called."""
