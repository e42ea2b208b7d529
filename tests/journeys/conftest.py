"""The whole product, running."""

from tests.stack_fixtures import person, shared_stack, stack, trained

__all__ = ["person", "shared_stack", "stack", "trained"]
