"""Numbers that readers of an architecture share: constants of their arithmetic, rows at a time; without torch."""

ADAM_EPS = 1e-8
"""Adam's epsilon. Source: Kingma & Ba 2014, arXiv:1412.6980, §2; decoupled decay arXiv:1711.05101."""

CLIP_EPS = 1e-6
"""Added to the norm that a gradient is divided by, as torch.nn.utils.clip_grad_norm_ does."""

NORM_MOMENTUM, NORM_EPS = 0.1, 1e-5
"""Constants of the norms, as torch.nn has them."""

EVAL_ROWS = 512
"""Rows evaluated at a time: larger chunks fall out of a core's cache."""
