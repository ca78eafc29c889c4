"""What an operator asks for by hand: whether all is well, a backup, and one restored."""
