"""The answer to a person whom a decision is about: what decided, what would have changed it, whom to ask."""
