"""Rendering: from requests to images or typed failures, each in exactly its own style."""
