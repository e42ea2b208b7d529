"""An order that cannot be drawn: tried again, ended, refunded, told once – and repaired later."""

import hashlib
import secrets

from safetensors import safe_open
from safetensors.numpy import load, save

from tests.stack import REAL_ENGINE
from tests.stack_fixtures import told_to


def copy_of_adapter(stack, style_id: int, folder) -> bytes:
    """A sound adapter with the weights of another, but with a hash of its own."""
    key = stack.value("SELECT adapter_key FROM styles WHERE id = :id", id=style_id)
    path = folder / "adapter.safetensors"
    path.write_bytes(stack.storage.get(key))
    with safe_open(path, framework="numpy") as opened:
        metadata = dict(opened.metadata())
    return save(load(path.read_bytes()), metadata | {"note": "a copy"})


def test_a_damaged_adapter_is_retried_then_refunded_and_told_once_and_can_be_repaired(
    stack, trained, person, tmp_path
):
    stack.use_engine(REAL_ENGINE)
    sound = copy_of_adapter(stack, trained.id, tmp_path)
    before = stack.rows(
        "SELECT adapter_key, adapter_sha256 FROM styles WHERE id = :id", id=trained.id
    )[0]
    key = "training/repaired/adapter.safetensors"
    stack.storage.put(key, sound[:-1] + b"!", content_type="application/octet-stream")
    change = "UPDATE styles SET adapter_key = :key, adapter_sha256 = :sha256 WHERE id = :id"
    sha256 = hashlib.sha256(sound).hexdigest()
    stack.execute(change, key=key, sha256=sha256, id=trained.id)
    try:
        buyer = person()
        earned = trained.artist.balance()["earned_token_balance"]
        failing = buyer.order(trained.id).json()["data"]["id"]
        assert buyer.balance()["escrowed_tokens"] == 10
        seen = [told for _, told in buyer.events(f"/generations/{failing}/events")]
        assert "retrying" in [told["status"] for told in seen]
        failed = seen[-1]
        assert failed["status"] == "failed"
        assert failed["failure"]["cause"] == "ADAPTER_MISMATCH"
        assert failed["attempt"] == 4
        assert failed["refunded"] is True
        assert failed["result_url"] is None
        assert buyer.balance()["token_balance"] == 100
        assert told_to(stack, buyer) == {"generation_failed": 1}
        kinds = [row["type"] for row in buyer.get("/tokens/transactions")["results"]]
        assert sorted(kinds) == ["bonus", "refund", "usage"]

        stack.storage.put(key, sound, content_type="application/octet-stream")
        repaired = buyer.order(trained.id).json()["data"]["id"]
        assert buyer.final(repaired)["status"] == "completed"
        assert trained.artist.balance()["earned_token_balance"] == earned + 10
    finally:
        stack.execute(change, key=before.adapter_key, sha256=before.adapter_sha256, id=trained.id)


def test_twenty_orders_at_once_with_money_for_ten_are_ten_orders(stack, trained, person):
    from concurrent.futures import ThreadPoolExecutor

    buyer = person()

    def status_of_an_order(_):
        key = secrets.token_hex(8)
        while (status := buyer.order(trained.id, key=key).status_code) == 503:
            pass  # the crowd at one balance made it wait too long
        return status

    with ThreadPoolExecutor(20) as pool:
        codes = sorted(pool.map(status_of_an_order, range(20)))
    assert codes == [201] * 10 + [402] * 10
    assert buyer.balance()["token_balance"] == 0
    stack.wait_until_quiet()
    assert buyer.balance()["escrowed_tokens"] == 0
