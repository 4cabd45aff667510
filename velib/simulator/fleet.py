"""The fleet of a city: which bikes there are, and in what state the night finds them. Where they stand is the engine's business."""

from __future__ import annotations

from velib.simulator.chance import below, lognormal, pick, stream
from velib.simulator.config import CityConfig
from velib.simulator.network import Bike

AVAILABLE = "disponible"
BLOCKED = "indisponible"
ELECTRIC_SHARE = 0.4
FLAT_BATTERY = "BATTERIE"
TO_FIX_CAUSES = ("PNEU", "SELLE", "FREIN")
"""Causes a mechanic mends at the station."""
TO_COLLECT_CAUSES = ("CADRE", "MOTEUR", "ROUE", "CHAINE")
"""Causes that need the workshop. The real feed's causes are not documented: these are made up."""
LEADING_ZERO_NAME = "08047"


def build_fleet(config: CityConfig) -> list[Bike]:
    """The bikes of a city, in the state in which an ordinary night finds them; not yet anywhere."""
    rng = stream(config.seed, "fleet")
    width = 5 if config.bikes <= 50_000 else 7
    names = dict.fromkeys([LEADING_ZERO_NAME.rjust(width, "0")])
    while len(names) < config.bikes:
        names.setdefault(f"{1_000 + below(rng, 10**width - 1_000):0{width}d}")
    bikes = [Bike(index, name) for index, name in enumerate(names)]
    for bike in bikes:
        if rng.random() < ELECTRIC_SHARE:
            bike.electric = True
            bike.battery = 25 + below(rng, 76)
        # about 4 % stand broken and some more are broken without anyone knowing
        if rng.random() < 0.04:
            bike.cause = pick(rng, TO_COLLECT_CAUSES if rng.random() < 0.6 else TO_FIX_CAUSES)
        elif rng.random() < 0.01:
            bike.faulty = True
        if rng.random() < 0.9:
            bike.rate = 1 + max(below(rng, 5), below(rng, 4))
            bike.rates = 1 + int(lognormal(rng, 8, 0.9))
            bike.last_rated = config.start_epoch - 10_800 - int(lognormal(rng, 86_400, 1.2))
    return bikes
