"""Templates that conversations begin with."""
