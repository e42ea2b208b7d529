"""The generator of the Python client: its modules are those of the application's document."""

import inspect
import sys

import pytest
from flask_babel import force_locale
from style_license import Site, operations

from webapp.embedded import python_client
from webapp.embedded.api_docs import documented_app
from webapp.embedded.python_client import WITH_FILES, Client
from webapp.embedded.python_types import PythonTypes, parameter_type
from webapp.http import openapi
from webapp.http.routes import described

TYPES = {
    "Colour": {"type": "string", "enum": ["red", "blue"], "description": "Of a sail."},
    "Mast": {"type": "object", "properties": {"height": {"type": "number"}}},
    "Boat": {
        "type": "object",
        "description": "A boat.",
        "properties": {
            "mast": {"$ref": "#/x/Mast"},
            "colour": {"$ref": "#/x/Colour", "description": "of its sails"},
        },
        "required": ["mast"],
    },
    "Name": {"type": "string"},
}


@pytest.fixture(scope="module")
def documented():
    """The routes that keys may call, and the OpenAPI document."""
    app = documented_app()
    with app.app_context(), force_locale("en"):
        routes = [each for each in described(app) if each.endpoint.scope and not each.is_alias]
        return routes, openapi.document(app)


@pytest.fixture(scope="module")
def made(documented):
    return Client(documented[1]).modules()


@pytest.fixture
def site():
    with Site("http://localhost", "sl_key") as opened:
        yield opened


def test_the_modules_are_those_of_the_application(made):
    assert made == {
        name: (python_client.FOLDER / name).read_text(encoding="utf-8") for name in made
    }


def test_a_module_that_lacks_a_method_fails_the_check_until_it_is_written(
    made, monkeypatch, tmp_path
):
    for name, text in made.items():
        (tmp_path / name).write_text(
            text.replace("def read_balance", "def balance"), encoding="utf-8"
        )
    monkeypatch.setattr(python_client, "FOLDER", tmp_path)
    monkeypatch.setattr(Client, "modules", lambda _client: made)
    monkeypatch.setattr(sys, "argv", ["python_client", "--check"])
    with pytest.raises(SystemExit, match=r"operations\.py is out of date: run make python-client"):
        python_client.main()
    monkeypatch.setattr(sys, "argv", ["python_client"])
    python_client.main()
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in made} == made


def test_each_operation_that_keys_may_call_has_a_method_and_no_other(documented, site):
    routes, _ = documented
    methods = {
        f"{group}.{name}"
        for group, operations_of in vars(site).items()
        if not group.startswith("_")
        for name, _ in inspect.getmembers(operations_of, inspect.ismethod)
        if not name.startswith("_")
    }
    assert {name.removesuffix(WITH_FILES) for name in methods} == {each.name for each in routes}
    assert {name for name in methods if name.endswith(WITH_FILES)} == {
        "styles.create_with_files",
        "styles.retrain_with_files",
    }


def test_each_parameter_of_an_operation_is_one_of_its_method(documented, site):
    routes, document = documented
    for route in routes:
        group, name = route.name.split(".")
        signature = inspect.signature(getattr(getattr(site, group), name)).parameters
        positional = [each.name for each in signature.values() if each.kind != each.KEYWORD_ONLY]
        assert positional == list(route.path_parameters), route.name
        sent = {
            each["name"].lower().replace("-", "_").replace("from", "from_")
            for each in document["paths"][route.path][route.method.lower()]["parameters"]
        }
        assert sent <= signature.keys(), route.name


def test_a_method_says_what_it_does_and_what_it_needs():
    text = inspect.getdoc(operations.Generations.create)
    assert text.startswith("Order one to four pictures.\n\nPOST /generations. API key: order.")
    assert "* `legal_name`: of the person" in text


def test_what_only_workers_send_and_get_is_left_out(made):
    assert "Report" not in made["schemas.py"].replace("VerificationReport", "")
    assert "fence" not in made["operations.py"]


@pytest.mark.parametrize(
    "schema, shown",
    [
        ({"type": "integer", "minimum": 1}, "int"),
        ({"type": "number"}, "float"),
        ({"type": "string", "format": "date-time"}, "str"),
        ({"type": "string", "format": "binary"}, "File"),
        ({"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}, "str"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "bool | None"),
        ({"const": True, "type": "boolean"}, "Literal[True]"),
        ({"enum": [512, 1024], "type": "integer"}, "Literal[512, 1024]"),
        ({"type": "array", "items": {"$ref": "#/x/Boat"}}, "list[x.Boat]"),
        ({"$ref": "#/x/Colour"}, "x.Colour"),
        ({"$ref": "#/x/Name"}, "str"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "dict[str, float]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({}, "Any"),
    ],
)
def test_a_schema_is_a_type(schema, shown):
    assert PythonTypes(TYPES).of(schema, "x.") == shown


def test_a_parameter_takes_any_sequence_and_any_mapping():
    assert parameter_type("dict[str, list[str]]") == "Mapping[str, Sequence[str]]"


def test_definitions_are_those_that_are_used_and_what_these_use():
    types = PythonTypes(TYPES)
    types.of({"$ref": "#/x/Boat"})
    colour, boat, mast = types.definitions_used()
    assert colour == "# Of a sail.\nColour: TypeAlias = Literal['red', 'blue']\n"
    assert boat.splitlines() == [
        "class Boat(TypedDict):",
        '    """A boat."""',
        "",
        "    mast: Mast",
        "    # of its sails",
        "    colour: NotRequired[Colour]",
    ]
    assert mast.startswith('class Mast(TypedDict):\n    """Mast."""\n')
