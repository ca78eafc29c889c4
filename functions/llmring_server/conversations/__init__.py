"""Conversations and their messages, kept as far as the privacy level allows."""
