"""The ground of the city: its districts, and distances between points.

Prefixes, names and station counts are those of the real network (Vélib' open data, November 2024); centres and radii
are approximate; the three weights (who lives, works and goes out there) are estimates. A station code below 21000
lies in arrondissement `code // 1000`; from 21000 on, `code // 100` names the commune.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Area(NamedTuple):
    prefix: int
    name: str
    latitude: float
    longitude: float
    radius_m: int
    stations: int
    """Stations the real network has there: new cities are spread in this proportion."""
    home: float
    work: float
    leisure: float


AREAS = (
    Area(1, "Paris 1er", 48.8626, 2.3363, 650, 26, 0.7, 1.5, 1.6),
    Area(2, "Paris 2e", 48.8683, 2.3432, 480, 25, 0.8, 1.6, 1.2),
    Area(3, "Paris 3e", 48.8630, 2.3601, 520, 15, 1.0, 1.1, 1.3),
    Area(4, "Paris 4e", 48.8547, 2.3576, 600, 26, 0.9, 1.0, 1.7),
    Area(5, "Paris 5e", 48.8444, 2.3507, 780, 36, 1.0, 1.1, 1.3),
    Area(6, "Paris 6e", 48.8496, 2.3329, 720, 33, 0.9, 1.1, 1.3),
    Area(7, "Paris 7e", 48.8562, 2.3122, 950, 28, 0.8, 1.3, 1.3),
    Area(8, "Paris 8e", 48.8727, 2.3126, 980, 53, 0.6, 1.7, 1.1),
    Area(9, "Paris 9e", 48.8771, 2.3379, 720, 46, 0.9, 1.5, 1.0),
    Area(10, "Paris 10e", 48.8761, 2.3607, 850, 53, 1.2, 1.1, 1.2),
    Area(11, "Paris 11e", 48.8591, 2.3800, 980, 57, 1.4, 0.9, 1.2),
    Area(12, "Paris 12e", 48.8405, 2.3900, 1150, 67, 1.2, 1.0, 0.9),
    Area(13, "Paris 13e", 48.8300, 2.3622, 1250, 68, 1.2, 1.1, 0.8),
    Area(14, "Paris 14e", 48.8305, 2.3261, 1150, 57, 1.2, 0.9, 0.8),
    Area(15, "Paris 15e", 48.8412, 2.2980, 1450, 90, 1.2, 1.1, 0.8),
    Area(16, "Paris 16e", 48.8600, 2.2710, 1500, 62, 1.0, 0.9, 0.9),
    Area(17, "Paris 17e", 48.8868, 2.3070, 1200, 62, 1.2, 1.0, 0.8),
    Area(18, "Paris 18e", 48.8920, 2.3466, 1200, 61, 1.4, 0.7, 1.0),
    Area(19, "Paris 19e", 48.8866, 2.3842, 1300, 64, 1.4, 0.7, 1.0),
    Area(20, "Paris 20e", 48.8633, 2.4010, 1200, 68, 1.5, 0.6, 0.8),
    Area(210, "Boulogne-Billancourt", 48.8350, 2.2410, 1350, 29, 1.1, 1.2, 0.6),
    Area(211, "Clichy", 48.9037, 2.3058, 900, 13, 1.1, 1.0, 0.5),
    Area(212, "Montrouge", 48.8172, 2.3190, 800, 12, 1.2, 1.0, 0.5),
    Area(213, "Issy-les-Moulineaux", 48.8240, 2.2700, 1000, 22, 1.0, 1.2, 0.5),
    Area(214, "Clamart", 48.8010, 2.2630, 1000, 3, 1.1, 0.7, 0.4),
    Area(215, "Suresnes", 48.8690, 2.2270, 900, 10, 1.0, 0.9, 0.5),
    Area(217, "Vanves", 48.8210, 2.2890, 600, 7, 1.2, 0.7, 0.4),
    Area(219, "Meudon", 48.8130, 2.2400, 1000, 5, 1.1, 0.7, 0.5),
    Area(220, "Neuilly-sur-Seine", 48.8846, 2.2690, 950, 13, 0.9, 1.3, 0.6),
    Area(221, "Saint-Cloud", 48.8430, 2.2170, 800, 3, 1.0, 0.8, 0.6),
    Area(222, "Bagneux", 48.7970, 2.3120, 900, 6, 1.2, 0.7, 0.4),
    Area(223, "Gennevilliers", 48.9280, 2.2950, 1200, 5, 1.0, 1.0, 0.4),
    Area(224, "Malakoff", 48.8190, 2.3010, 650, 7, 1.2, 0.8, 0.4),
    Area(230, "Levallois-Perret", 48.8940, 2.2880, 750, 13, 1.0, 1.3, 0.5),
    Area(232, "Châtillon", 48.8020, 2.2880, 800, 6, 1.1, 0.8, 0.4),
    Area(240, "Courbevoie", 48.8960, 2.2550, 900, 7, 0.8, 1.5, 0.5),
    Area(250, "Rueil-Malmaison", 48.8780, 2.1850, 1500, 10, 1.0, 1.0, 0.5),
    Area(260, "Asnières-sur-Seine", 48.9110, 2.2850, 1000, 13, 1.2, 0.7, 0.4),
    Area(270, "Colombes", 48.9220, 2.2530, 1200, 5, 1.2, 0.7, 0.4),
    Area(280, "Puteaux", 48.8840, 2.2380, 700, 2, 0.7, 1.7, 0.5),
    Area(310, "Montreuil", 48.8610, 2.4430, 1500, 21, 1.3, 0.8, 0.6),
    Area(317, "Bagnolet", 48.8690, 2.4220, 700, 9, 1.2, 0.8, 0.4),
    Area(320, "Saint-Denis", 48.9280, 2.3570, 1700, 19, 1.1, 1.2, 0.7),
    Area(323, "Romainville", 48.8840, 2.4350, 800, 5, 1.2, 0.6, 0.4),
    Area(326, "Les Lilas", 48.8800, 2.4170, 550, 4, 1.3, 0.6, 0.5),
    Area(330, "Aubervilliers", 48.9120, 2.3830, 1100, 13, 1.1, 1.0, 0.5),
    Area(340, "Saint-Ouen-sur-Seine", 48.9100, 2.3330, 950, 9, 1.1, 1.1, 0.6),
    Area(350, "Pantin", 48.8940, 2.4100, 1100, 20, 1.2, 1.0, 0.6),
    Area(400, "Créteil", 48.7900, 2.4540, 1500, 14, 1.1, 0.9, 0.5),
    Area(411, "Arcueil", 48.8060, 2.3350, 700, 3, 1.1, 0.8, 0.4),
    Area(412, "Fontenay-sous-Bois", 48.8510, 2.4740, 1100, 11, 1.2, 0.8, 0.5),
    Area(416, "Saint-Mandé", 48.8420, 2.4190, 450, 5, 1.3, 0.6, 0.5),
    Area(420, "Ivry-sur-Seine", 48.8130, 2.3870, 1100, 17, 1.1, 1.0, 0.5),
    Area(422, "Charenton-le-Pont", 48.8220, 2.4110, 650, 5, 1.1, 1.0, 0.5),
    Area(423, "Cachan", 48.7940, 2.3330, 800, 5, 1.1, 0.7, 0.4),
    Area(425, "Gentilly", 48.8140, 2.3450, 550, 4, 1.1, 0.8, 0.4),
    Area(427, "Le Kremlin-Bicêtre", 48.8100, 2.3600, 600, 5, 1.1, 0.9, 0.4),
    Area(430, "Vincennes", 48.8470, 2.4380, 700, 10, 1.3, 0.7, 0.8),
    Area(440, "Vitry-sur-Seine", 48.7880, 2.3920, 1500, 16, 1.2, 0.7, 0.4),
    Area(470, "Maisons-Alfort", 48.8060, 2.4370, 1000, 7, 1.2, 0.7, 0.4),
    Area(480, "Villejuif", 48.7930, 2.3600, 1100, 11, 1.2, 0.8, 0.4),
    Area(510, "Argenteuil", 48.9450, 2.2500, 1400, 7, 1.2, 0.6, 0.4),
    Area(920, "Nanterre", 48.8920, 2.2060, 1500, 8, 0.9, 1.3, 0.5),
)

HILLS = frozenset({18, 19, 20, 215, 221, 323, 326})
"""Areas whose stations stand high: bikes roll away from them more readily than back."""

EXCEPTIONS = frozenset({12041, 13121, 14023, 14116, 19043, 31102})
"""Codes that lie elsewhere than their prefix says (the seed table knows them): no made-up station takes one."""

METRES_PER_DEGREE = 111_195.0


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The distance of two points of one city, as on a plane: within 0.1 % of the great circle over 30 km."""
    north = other_latitude - latitude
    east = (other_longitude - longitude) * math.cos(math.radians((latitude + other_latitude) / 2))
    return METRES_PER_DEGREE * math.hypot(north, east)
