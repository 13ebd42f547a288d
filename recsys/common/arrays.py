"""The types of NumPy arrays in signatures.

Every exported artifact holds a copy of this file, so it imports NumPy alone.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
