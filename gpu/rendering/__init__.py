"""Rendering: requests in, images or named failures out; never a foreign or plain style."""
