"""MNIST, handwritten digits of 28×28 pixels, 10 classes, downloaded once from OpenML into SCALESCOPE_HOME/data.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from engine.base.language import _
from engine.data.openml import images

DATASET = images("mnist_784", _("MNIST (28×28 images, downloaded once)"))
