"""JSON objects whose members no Python type describes.

OpenAPI documents, JSON schemas, details of errors and stored answers are JSON by nature: their
members depend on keywords, error codes and routes. Everything else in webapp/http has a type.
"""

from typing import Any

JsonObject = dict[str, Any]
