"""Loads that are killed, cut off and deceived, and the account of what they left."""
