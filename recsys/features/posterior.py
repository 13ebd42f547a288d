from dataclasses import dataclass


@dataclass
class Process:
    mean: object
    factors: object
    noise: float
    moods: tuple
    lasting: float
    fading_days: float


class Posterior: ...
