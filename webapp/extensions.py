"""What the web process holds for its whole life: database session, languages, sign-in, storage."""

from flask import current_app
from flask_babel import Babel
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from webapp.domain.db import Base
from webapp.domain.gateways.storage import Storage
from webapp.domain.settings import Settings

# The domain's models know nothing of Flask: only their metadata is bound here.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
babel = Babel()
login_manager = LoginManager()
migrate = Migrate()


def storage() -> Storage:
    """Return the storage of the running app."""
    found: Storage = current_app.extensions["storage"]
    return found


def app_settings() -> Settings:
    """Return the settings of the running app."""
    found: Settings = current_app.extensions["settings"]
    return found
