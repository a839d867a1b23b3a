"""Augmentation of all models of a bucket at once: how a training step changes their batches."""

import numpy as np
import torch
from torch import Tensor

from engine.data.rng import changes, noise_bases
from engine.net.batched_net import hashed
from engine.spec.run import RunSpec
from engine.spec.task import grid_dims


class Augment:
    """Rotates, shifts, blurs and mixes the examples of one step after the other; every model draws by its own seed.

    A model without augmentation gets its examples back unchanged, bit for bit, whatever its bucket-mates have.
    """

    def __init__(self, runs: tuple[RunSpec, ...], like: Tensor) -> None:
        self._runs, self._like = runs, like
        channels, *grid = grid_dims(runs[0].task)
        self._dims = (channels, *([1] if len(grid) == 1 else []), *grid)  # a signal is an image of one row
        self._rotates = any(run.rotate > 0 for run in runs)
        self._shifts = any(run.shift > 0 for run in runs)
        self._mixes = any(run.mixup > 0 for run in runs)
        self._noise: Tensor | None = None
        if any(run.augment_noise > 0 for run in runs):
            self._noise = like.new_tensor([run.augment_noise for run in runs])[:, None]

    @property
    def any(self) -> bool:
        """Whether any model's examples are changed."""
        return self._rotates or self._shifts or self._mixes or self._noise is not None

    def __call__(self, x: Tensor, step: int, batch: int) -> tuple[Tensor, "Mixture | None"]:
        """Return x (models, rows, inputs) as the models see it in `step`, and the mixture that their targets are.

        Rows after `batch` are padding and stay as they are.
        """
        rows, drawn = x.shape[1], []
        if self._rotates or self._shifts or self._mixes:
            drawn = [changes(r.seed, step, batch, shift=r.shift, rotate=r.rotate, mixup=r.mixup) for r in self._runs]
        if self._rotates:
            angles = _filled([one.angle for one in drawn], rows, 0.0)
            x = self._rotated(x, self._like.new_tensor(np.cos(angles)), self._like.new_tensor(np.sin(angles)))
        if self._shifts:
            x = self._shifted(x, torch.tensor(_filled([one.shift for one in drawn], rows, 0), device=x.device))
        if self._noise is not None:
            x = x + self._blur(x, step)
        if not self._mixes:
            return x, None
        mixture = Mixture(
            share=self._like.new_tensor(_filled([one.share for one in drawn], rows, 1.0)),
            partner=torch.tensor(_filled([one.partner for one in drawn], rows, 0), device=x.device),
        )
        return mixture.of(x), mixture

    def _rotated(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return images rotated about their centre by bilinear interpolation; zeros lie outside."""
        _, height, width = self._dims
        down, right = self._coordinates(x.dtype)
        down, right = down - (height - 1) / 2, right - (width - 1) / 2
        cos, sin = cos[..., None], sin[..., None]
        from_down = cos * down - sin * right + (height - 1) / 2
        from_right = sin * down + cos * right + (width - 1) / 2
        top, left = from_down.floor(), from_right.floor()
        rotated = torch.zeros_like(x)
        for y in (top, top + 1):
            for z in (left, left + 1):
                weight = (1 - (from_down - y).abs()) * (1 - (from_right - z).abs())
                rotated += self._read(x, y.long(), z.long(), weight)
        return rotated

    def _shifted(self, x: Tensor, shift: Tensor) -> Tensor:
        """Return examples shifted down and right by `shift` (models, rows, 2)."""
        down, right = self._coordinates(torch.int64)
        if self._dims[1] == 1:
            shift = shift * torch.tensor([0, 1], device=x.device)
        return self._read(x, down - shift[..., :1], right - shift[..., 1:], x.new_ones(()))

    def _read(self, x: Tensor, down: Tensor, right: Tensor, weight: Tensor) -> Tensor:
        """Return `weight` times x at coordinates (models, rows, height·width), 0 outside, in each channel."""
        channels, height, width = self._dims
        inside = (down >= 0) & (down < height) & (right >= 0) & (right < width)
        place = torch.where(inside, down * width + right, 0)
        images = x.unflatten(2, (channels, height * width))
        read = images.gather(3, place[:, :, None].expand(images.shape))
        found: Tensor = (read * (weight * inside)[:, :, None]).flatten(2)
        return found

    def _coordinates(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return row and column of every point of the grid, each (height·width,)."""
        _, height, width = self._dims
        place = torch.arange(height * width, device=self._like.device)
        return (place // width).to(dtype), (place % width).to(dtype)

    def _blur(self, x: Tensor, step: int) -> Tensor:
        """Return the noise of each model, as data.rng.noise; in float64, so that it is rounded once, at the end."""
        assert self._noise is not None
        bases = torch.tensor([noise_bases(run.seed, step) for run in self._runs], device=x.device)
        place = torch.arange(x[0].numel(), device=x.device)
        first, second = (hashed(place + base[:, None]).double() for base in bases.unbind(1))
        normal = torch.sqrt(-2 * torch.log((first + 0.5) / 2**32)) * torch.cos(second * (2 * torch.pi / 2**32))
        return (normal.to(x.dtype) * self._noise).view(x.shape)


class Mixture:
    """The share of itself that every row keeps, and the row that has the rest, each (models, rows)."""

    def __init__(self, *, share: Tensor, partner: Tensor) -> None:
        self.share, self.partner = share, partner

    def partners(self, values: Tensor) -> Tensor:
        """Return the partners' rows of `values` (models, rows) or (models, rows, numbers)."""
        if values.dim() == 2:
            return values.gather(1, self.partner)
        return values.gather(1, self.partner[..., None].expand(values.shape))

    def of(self, values: Tensor) -> Tensor:
        """Return `values` (models, rows, numbers) mixed."""
        share = self.share[..., None]
        return share * values + (1 - share) * self.partners(values)


def _filled(drawn: list[np.ndarray], rows: int, value: float) -> np.ndarray:
    """Return what models drew, stacked and padded with `value` up to `rows`."""
    stacked = np.stack(drawn)
    missing = ((0, 0), (0, rows - stacked.shape[1]), *((0, 0),) * (stacked.ndim - 2))
    return np.pad(stacked, missing, constant_values=value)
