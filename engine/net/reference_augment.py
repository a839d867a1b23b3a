"""Augmentation of one model's batch in plain PyTorch: the oracle that augment.py is tested against."""

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data.rng import Changes, changes, noise, noise_bases
from engine.spec.run import RunSpec
from engine.spec.task import grid_dims


def augmented(spec: RunSpec, x: Tensor, step: int) -> tuple[Tensor, Changes]:
    """Return x (batch, inputs) as the model sees it in `step`, and the changes that were drawn."""
    drawn = changes(spec.seed, step, len(x), shift=spec.shift, rotate=spec.rotate, mixup=spec.mixup)
    if spec.rotate:
        x = _rotated(x.unflatten(1, spec.task.shape), torch.from_numpy(drawn.angle).to(x)).flatten(1)
    if spec.shift:
        examples = zip(x.unflatten(1, grid_dims(spec.task)), drawn.shift.tolist(), strict=True)
        x = torch.stack([_shifted(example, down, right) for example, (down, right) in examples]).flatten(1)
    if spec.augment_noise:
        x = x + spec.augment_noise * torch.from_numpy(noise(noise_bases(spec.seed, step), *x.shape)).to(x)
    return mixed(x, drawn) if spec.mixup else x, drawn


def mixed(values: Tensor, drawn: Changes) -> Tensor:
    """Return each row of `values` (batch, numbers) in a mixture with its partner's."""
    share = torch.from_numpy(drawn.share).to(values)[:, None]
    return share * values + (1 - share) * values[torch.from_numpy(drawn.partner)]


def _rotated(images: Tensor, angle: Tensor) -> Tensor:
    """Return images (batch, channels, height, width), each rotated by its angle, by torch's own sampling."""
    _, _, height, width = images.shape
    cos, sin = angle.cos(), angle.sin()
    zeros = torch.zeros_like(cos)
    # In torch's coordinates every side is 2 long, and across comes before down.
    across = torch.stack([cos, sin * (height / width), zeros], dim=1)
    down = torch.stack([-sin * (width / height), cos, zeros], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _shifted(example: Tensor, down: int, right: int) -> Tensor:
    """Return a signal or image (channels, *grid) shifted, with zeros where nothing was."""
    shifted = torch.zeros_like(example)
    by = (right,) if example.dim() == 2 else (down, right)
    into = [slice(max(d, 0), side + min(d, 0)) for d, side in zip(by, example.shape[1:], strict=True)]
    out_of = [slice(max(-d, 0), side + min(-d, 0)) for d, side in zip(by, example.shape[1:], strict=True)]
    shifted[:, *into] = example[:, *out_of]
    return shifted
