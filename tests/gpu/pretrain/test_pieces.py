"""A run is restored from its pieces without change; a damaged piece is named."""

import pytest

from gpu.pretrain.pieces import join, split

SIZE = 1000


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / "model").mkdir(parents=True)
    (folder / "cache").mkdir()
    (folder / "state.pt").write_bytes(bytes(range(256)) * 30)
    (folder / "model" / "weights").write_bytes(b"weights" * 300)
    (folder / "cache" / "latents.raw").write_bytes(b"scenes")
    return folder


def test_a_run_is_restored_from_pieces_of_a_bounded_size(run, tmp_path):
    paths = split(run, tmp_path / "pieces", size=SIZE)
    join(tmp_path / "pieces", tmp_path / "again")

    assert len(paths) > 5
    assert all(path.stat().st_size <= SIZE for path in paths)
    for name in ("state.pt", "model/weights"):
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()
    assert not (tmp_path / "again" / "cache").exists()  # scenes are drawn again


def test_a_missing_or_damaged_piece_is_named(run, tmp_path):
    paths = split(run, tmp_path / "pieces", size=SIZE)
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match="piece-0002 is damaged"):
        join(tmp_path / "pieces", tmp_path / "again")
    paths[2].unlink()
    with pytest.raises(ValueError, match="piece-0002 is missing"):
        join(tmp_path / "pieces", tmp_path / "again")
