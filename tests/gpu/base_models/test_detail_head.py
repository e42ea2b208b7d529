"""The head of the shortcut UNet: it corrects each row at its time, by no more than noise hides."""

import pytest
import torch

from gpu.base_models.detail_head import alphas_cumprod
from gpu.base_models.shortcut_unet import ShortcutUNet
from tests.gpu.base_models.test_shortcut_unet import TINY, ask


@pytest.fixture
def with_head():
    """A network whose head has learned something."""
    torch.manual_seed(3)
    network = ShortcutUNet(**TINY, detail_width=16, detail_depth=2).eval()
    with torch.no_grad():
        network.detail.conv_out.weight.normal_(std=0.1)
        network.detail.latent_std.copy_(torch.tensor([2.0, 1.0, 0.5, 0.1]))
    return network


def test_a_fresh_head_changes_nothing():
    unet = ShortcutUNet(**TINY).eval()
    fresh = ShortcutUNet(**TINY, detail_width=16, detail_depth=2).eval()
    fresh.load_state_dict(unet.state_dict(), strict=False)
    noisy, times = torch.randn(2, 4, 8, 8), torch.tensor([7, 900])

    assert torch.equal(ask(fresh, noisy, times), ask(unet, noisy, times))


def test_a_head_corrects_each_row_at_its_own_time(with_head):
    noisy = torch.randn(1, 4, 8, 8)

    both = ask(with_head, noisy.expand(2, -1, -1, -1), torch.tensor([7, 999]))

    assert torch.allclose(both[:1], ask(with_head, noisy, torch.tensor([7])), atol=1e-5)
    assert torch.allclose(both[1:], ask(with_head, noisy, 999), atol=1e-5)
    assert both.isfinite().all()


def test_a_head_corrects_by_what_the_noise_hides(with_head):
    """A correction of 1 is the error of the best linear estimate of a channel with this spread."""
    predicted, condition = torch.randn(1, 4, 8, 8), torch.zeros(1, 32)
    head = with_head.detail
    with torch.no_grad():
        head.conv_out.weight.zero_()
        head.conv_out.bias.copy_(torch.tensor([0.0] * 4 + [1.0] * 4))

        def corrections(time):
            after = head(predicted, predicted, torch.tensor([time]), condition)
            return (after - predicted).mean((0, 2, 3))

        little, much = corrections(1), corrections(999)
    noise = (1 - alphas_cumprod()[1]).sqrt()
    assert torch.allclose(little[0], noise, rtol=0.01)  # less than the channel varies
    assert torch.allclose(much, head.latent_std, rtol=0.01)


def test_a_gain_removes_the_noise_that_a_prediction_kept(with_head):
    head = with_head.detail
    noise, time = torch.randn(1, 4, 8, 8), torch.tensor([300])
    share = alphas_cumprod()[300]
    noisy = (1 - share).sqrt() * noise  # of a picture that is zero everywhere
    with torch.no_grad():
        head.conv_out.weight.zero_()
        std = head.latent_std
        spread = ((1 - share) / (share * std.square() + 1 - share)).sqrt() * std
        # the prediction is the noisy latents: what is left of the noise is 1 - √share of it
        left = (1 - share.sqrt()) / (1 - share).sqrt()
        head.conv_out.bias.copy_(torch.cat([-1 / (spread * left), torch.zeros(4)]))
        clean = head(noisy, noisy, time, torch.zeros(1, 32))
    assert torch.allclose(clean, torch.zeros_like(clean), atol=1e-4)
