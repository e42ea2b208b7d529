from tests import making
from tests.statements import plan_of
from webapp.domain.queries import sitemaps
from webapp.domain.queries.sitemaps import Kind


def test_a_part_is_read_by_the_primary_key_alone(session):
    image = making.generation(session)
    number = (image.id - 1) // sitemaps.IDS_IN_A_PART
    plan = plan_of(session, lambda: sitemaps.part(session, Kind.IMAGES, number))
    assert plan.count("pk_generations") == 2  # for the newest id, and for the part
    assert "Seq Scan" not in plan


def test_every_id_is_in_exactly_one_part(session, storage, monkeypatch):
    monkeypatch.setattr(sitemaps, "IDS_IN_A_PART", 1)
    made = [making.style(session, storage).id for _ in range(3)]
    numbers = [part.number for part in sitemaps.parts(session) if part.kind is Kind.STYLES]
    assert numbers == list(range(made[-1]))
    parts = [sitemaps.part(session, Kind.STYLES, number) for number in numbers[made[0] - 1 :]]
    assert [entry.id for part in parts for entry in part] == made
