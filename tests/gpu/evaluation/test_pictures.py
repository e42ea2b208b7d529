from PIL import Image

from gpu.evaluation.pictures import contact_sheet, loss_curve


def test_a_contact_sheet_shows_every_picture_without_a_crop(tmp_path):
    rows = {
        "Works": [Image.new("RGB", (64, 32), "red")] * 12,
        "Trained": [Image.new("RGB", (32, 64), "lime")] * 3,
    }
    path = contact_sheet(tmp_path / "out" / "sheet.png", rows, captions=["a", "b", "c"], tile=64)
    with Image.open(path) as sheet:
        counts = {colour: count for count, colour in sheet.getcolors(1 << 20)}
    assert counts[255, 0, 0] == 12 * 64 * 32
    assert counts[0, 255, 0] == 3 * 32 * 64


def test_the_loss_curve_is_a_png(tmp_path):
    losses = [(step, 1 / step) for step in range(1, 40)]
    path = loss_curve(tmp_path / "out" / "loss.png", losses, [(20, 0.3), (39, 0.2)])
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width > 600


def test_a_curve_without_held_out_losses_is_drawn(tmp_path):
    assert loss_curve(tmp_path / "loss.png", [(1, 0.5), (2, 0.4)], []).is_file()
