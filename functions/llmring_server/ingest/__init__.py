"""Calls come off the queue and become rows."""
