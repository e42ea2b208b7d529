"""An image that everybody may see, and somebody who looks at it."""

import pytest

from tests import making


@pytest.fixture
def shown(ordered, finish):
    """An image of the buyer's that everybody may see."""
    return finish(ordered, is_public=True)


@pytest.fixture
def admirer(session):
    made = making.user(session)
    session.commit()
    return made


@pytest.fixture
def admirer_client(admirer, sign_in):
    return sign_in(admirer)
