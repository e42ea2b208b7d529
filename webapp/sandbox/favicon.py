"""The icon of the sandboxes: that of the site."""

from pathlib import Path

from flask import Flask, Response, send_file

FILE = Path(__file__).parents[1] / "static/favicon.ico"


def add_to(app: Flask) -> None:
    """Answer the request that browsers make for the icon of every site."""

    @app.get("/favicon.ico")
    def favicon() -> Response:
        return send_file(FILE)
