"""`flask prepare`: what the first start of a site on a new host needs."""

from tenacity import stop_after_attempt

from tests.broker import free_port
from webapp.app import create_app
from webapp.cli import preparation
from webapp.domain.settings import Environment, settings


def prepare():
    return create_app().test_cli_runner().invoke(args=["prepare"])


def test_the_schema_and_the_storage_are_there_afterwards_however_often_it_runs(
    committed, storage, monkeypatch, tmp_path
):
    monkeypatch.setenv("STORAGE_URL", f"folder://{tmp_path}/objects")
    settings.cache_clear()
    for _ in range(2):
        answer = prepare()
        assert answer.exit_code == 0, answer.output
        assert (tmp_path / "objects").is_dir()
    settings.cache_clear()


def test_a_storage_that_does_not_come_is_named_by_its_variable(committed, monkeypatch):
    monkeypatch.setenv("STORAGE_URL", f"s3://a:b@127.0.0.1:{free_port()}/files?secure=0")
    monkeypatch.setattr(preparation._prepare_storage.retry, "stop", stop_after_attempt(2))
    settings.cache_clear()
    answer = prepare()
    settings.cache_clear()
    assert answer.exit_code == 1
    assert answer.output.splitlines()[-1].startswith("Error: STORAGE_URL: ")


def test_the_operator_of_a_real_site_is_told_which_business_data_is_missing(
    committed, monkeypatch, capsys
):
    app = create_app()
    settings_of_production = app.extensions["settings"].model_copy(
        update={"env": Environment.PRODUCTION, "operator_name": "Ink & Co."}
    )
    with app.app_context():
        preparation._name_missing_business_data()
        assert capsys.readouterr().out == ""
        monkeypatch.setitem(app.extensions, "settings", settings_of_production)
        preparation._name_missing_business_data()
    told = capsys.readouterr().out
    assert "OPERATOR_EMAIL" in told
    assert "OPERATOR_NAME" not in told
