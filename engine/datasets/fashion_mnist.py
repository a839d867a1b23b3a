"""Fashion-MNIST, pieces of clothing of 28×28 pixels, 10 classes, downloaded once from OpenML into SCALESCOPE_HOME/data.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset", arXiv:1708.07747.
"""

from engine.base.language import _
from engine.data.openml import images

DATASET = images("Fashion-MNIST", _("Fashion-MNIST (28×28 images, downloaded once)"))
