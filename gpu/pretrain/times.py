"""The diffusion times of a training batch: how often each is drawn."""

import torch

# Distribution of diffusion times: (cumulative share of the rows, upper time) of each interval.
# Below `LOW_NOISE` the network learns edges; above `HIGH_NOISE` the caption decides the picture.
TimeShares = tuple[tuple[float, int], ...]
LOW_NOISE, LOW_NOISE_SHARE, HIGH_NOISE, HIGH_NOISE_SHARE = 300, 0.35, 800, 0.3


def shares_of_times(low_noise_share: float) -> TimeShares:
    """A distribution with this share of times below `LOW_NOISE`; 1 trains on low noise only."""
    high_noise_share = HIGH_NOISE_SHARE * (1 - low_noise_share) / (1 - LOW_NOISE_SHARE)
    shares = ((low_noise_share, LOW_NOISE), (1 - high_noise_share, HIGH_NOISE), (1.0, 1000))
    return tuple((share, edge) for share, edge in shares if share <= 1)[
        : 1 if low_noise_share >= 1 else 3
    ]


DEFAULT_TIME_SHARES = shares_of_times(LOW_NOISE_SHARE)


def draw_times(
    batch: int,
    source: torch.Generator,
    max_time: int = 1000,
    shares: TimeShares = DEFAULT_TIME_SHARES,
) -> torch.Tensor:
    """Sorted diffusion times [B] below `max_time`, distributed by `shares` (see `TimeShares`).

    Stratified sampling: times vary less from batch to batch than independent draws.
    """
    quantiles = (torch.arange(batch) + torch.rand(batch, generator=source)) / batch
    cumulative = torch.tensor([0.0, *(share for share, _ in shares)])
    edges = torch.tensor([0.0, *(float(edge) for _, edge in shares)])
    interval = torch.bucketize(quantiles, cumulative, right=True) - 1
    interval = interval.clamp(max=len(shares) - 1)
    lower, upper = cumulative[interval], cumulative[interval + 1]
    times = edges[interval] + (quantiles - lower) / (upper - lower) * (
        edges[interval + 1] - edges[interval]
    )
    return (times * max_time / 1000).long().clamp(max=999)
