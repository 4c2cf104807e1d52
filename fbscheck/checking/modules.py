"""A ``torch.nn.Module`` as an operator on numpy arrays: a copy, in float64, in evaluation mode, on the CPU.

torch is never imported here: a module comes from a process that has imported it.
"""

import copy
import inspect
import re
import sys
from typing import Any, final

import numpy as np
import numpy.typing as npt

__all__ = ["Module", "is_module"]

Values = npt.NDArray[np.float64]


def is_module(target: Any) -> bool:
    """Whether this is an instance of ``torch.nn.Module``."""
    kind = getattr(getattr(sys.modules.get("torch"), "nn", None), "Module", None)
    return kind is not None and isinstance(target, kind)


@final
class Module:
    """The map of a module, which itself is left alone; ``remark`` says in which state it is examined."""

    def __init__(self, module: Any) -> None:
        """Copy it."""
        self._torch: Any = sys.modules["torch"]
        self._module = copy.deepcopy(module).cpu().double().eval().requires_grad_(False)
        self.__signature__ = inspect.signature(module.forward)
        self.remark = "T is a torch module: examined in evaluation mode, in float64."
        if other := self._other_in_training(module):
            self.remark = f"{self.remark[:-1]} (it came in training mode, where {other} would do something else)."

    def __call__(self, x: Values, **parameters: Any) -> Any:
        """T(x), as a numpy array if it is a tensor."""
        with self._torch.no_grad():
            return self._array(self._called(self._torch.from_numpy(x), parameters))

    def derivative(self, x: Values, v: Values, **parameters: Any) -> Any:
        """T'(x) v by forward differentiation."""
        point, direction = self._torch.from_numpy(x), self._torch.from_numpy(v)
        return self._array(self._torch.func.jvp(lambda t: self._called(t, parameters), (point,), (direction,))[1])

    def _called(self, x: Any, parameters: dict[str, Any]) -> Any:
        try:
            return self._module(x, **parameters)
        except (RuntimeError, ValueError) as error:
            if not re.search(r"[Ee]xpected \d", str(error)):
                raise
            sizes = ",".join(map(str, x.shape))
            raise type(error)(
                f"{error} (an axis for channels or the batch missing, as in --shape 1,{sizes}?)"
            ) from None

    def _array(self, result: Any) -> Any:
        return result.detach().cpu().numpy() if isinstance(result, self._torch.Tensor) else result

    def _other_in_training(self, module: Any) -> str:
        """The layers in training mode that are random there, or look at the batch, by their classes."""
        layers = self._torch.nn.modules
        kinds = (layers.dropout._DropoutNd, layers.batchnorm._NormBase)
        return ", ".join(sorted({type(m).__name__ for m in module.modules() if m.training and isinstance(m, kinds)}))
