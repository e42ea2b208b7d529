import pytest

from tests.fixtures import ENVIRONMENT
from webapp.domain.settings import Settings, SettingsError

COMPLETE = ENVIRONMENT | {
    "DATABASE_URL": "postgresql+psycopg2://site@localhost/site",
    "STORAGE_URL": "folder:///var/objects",
}


@pytest.fixture
def operator_of(monkeypatch):
    """Read the operator of an environment."""

    def read(**variables):
        for name, value in (COMPLETE | variables).items():
            monkeypatch.setenv(name, value)
        return Settings.from_environment().operator

    return read


def test_an_operator_is_what_the_environment_states_word_for_word(operator_of):
    operator = operator_of(OPERATOR_NAME=" Ink & Co. ", OPERATOR_EMAIL="ink@styles.example")
    assert (operator.name, operator.email) == (" Ink & Co. ", "ink@styles.example")
    assert operator.is_stated
    assert operator.missing == (
        *("representative", "business_number", "mail_order_number"),
        *("address", "phone", "hosting_provider"),
    )


def test_without_a_statement_all_is_missing(operator_of):
    operator = operator_of(OPERATOR_NAME="")
    assert not operator.is_stated
    assert len(operator.missing) == 8


@pytest.mark.parametrize(
    "name, value",
    [
        ("OPERATOR_NAME", "  "),
        ("OPERATOR_ADDRESS", "x" * 201),
        ("OPERATOR_EMAIL", "no address"),
        ("OPERATOR_EMAIL", "two@of@them"),
    ],
)
def test_what_cannot_be_business_data_is_refused_by_its_name(operator_of, name, value):
    with pytest.raises(SettingsError, match=name):
        operator_of(**{name: value})
