"""Base models: the frozen networks that styles are learned on top of."""
