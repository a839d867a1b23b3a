"""How an example of a task lies before a network: as steps of units, or as channels over a grid."""

from engine.registry import Task


def grid_dims(task: Task) -> tuple[int, ...]:
    """Return (channels, *grid): flat features are a signal of one channel."""
    return task.shape if len(task.shape) > 1 else (1, *task.shape)


def step_dims(task: Task) -> tuple[int, int]:
    """Return (steps, units): the rows of an image, the moments of a signal, single flat features."""
    channels, length, *columns = grid_dims(task)
    return length, channels * (columns[0] if columns else 1)


def flat_inputs(task: Task) -> int:
    """Return the numbers of an example laid flat, with tokens as one-hot rows."""
    return task.inputs * max(task.tokens, 1)
