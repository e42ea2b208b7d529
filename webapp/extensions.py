"""Objects that live as long as the web process: database, languages, sign-in, storage, payments."""

from contextlib import AbstractContextManager

from flask import current_app
from flask_babel import Babel
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Session

from webapp.domain.db import Base, transaction
from webapp.domain.gateways.cache import Cache
from webapp.domain.gateways.editor import Editor
from webapp.domain.gateways.examiner import Examiner
from webapp.domain.gateways.payments import PaymentProvider
from webapp.domain.gateways.signer import CanSign
from webapp.domain.gateways.storage import Storage
from webapp.domain.queries.payments import Addresses
from webapp.domain.settings import Settings
from webapp.pools import PooledSession

# The models do not use Flask: only their metadata is bound here.
db = SQLAlchemy(
    metadata=Base.metadata, session_options={"class_": PooledSession, "expire_on_commit": False}
)
babel = Babel()
login_manager = LoginManager()
migrate = Migrate()


def storage() -> Storage:
    """Return the storage of the running app."""
    objects: Storage = current_app.extensions["storage"]
    return objects


def can_sign() -> CanSign:
    """Return the function that checks an uploaded signature."""
    check: CanSign = current_app.extensions["can_sign"]
    return check


def editor() -> Editor:
    """Return the editor of photos of the running app."""
    engine_editor: Editor = current_app.extensions["editor"]
    return engine_editor


def examiner() -> Examiner:
    """Return the examiner of uploaded pictures of the running app."""
    found: Examiner = current_app.extensions["examiner"]
    return found


def cache() -> Cache:
    """Return the cache of the running app."""
    found: Cache = current_app.extensions["cache"]
    return found


def payment_provider() -> PaymentProvider:
    """Return the payment provider of the running app."""
    provider: PaymentProvider = current_app.extensions["payments"]
    return provider


def unit_of_work() -> AbstractContextManager[Session]:
    """Open a short transaction of a request that does slow work between several."""
    return transaction(db.session())


def app_settings() -> Settings:
    """Return the settings of the running app."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def payment_addresses() -> Addresses:
    """Return the URLs of the pages that start payments and that the provider redirects to."""
    return Addresses(app_settings().public_base_url)
