from datetime import timedelta

import pytest
from sqlalchemy import update

from webapp.domain import relay_health
from webapp.domain.models.heartbeat import Heartbeat
from webapp.domain.services import heartbeats


def test_a_relay_is_healthy_while_its_heartbeat_is_young(committed, database_url, monkeypatch):
    url = database_url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(SystemExit, match="None seconds"):
        relay_health.main()
    with committed.begin() as session:
        heartbeats.beat(session, heartbeats.RELAY)
    relay_health.main()
    with committed.begin() as session:
        session.execute(update(Heartbeat).values(at=Heartbeat.at - timedelta(minutes=2)))
    with pytest.raises(SystemExit, match=r"12\d\.\d+ seconds"):
        relay_health.main()
