"""The ground of the city: its districts, and distances between points.

Prefixes, names and station counts are those of the real network (Vélib' open data, November 2024), as are the centres
(the median position of an area's stations) and the radii (1.41 × their median distance from it, as on a disc evenly
filled); the three weights (who lives, works and goes out there) are estimates. A station code below 21000
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
    Area(1, "Paris 1er", 48.8635, 2.3414, 710, 26, 0.7, 1.5, 1.6),
    Area(2, "Paris 2e", 48.8682, 2.3431, 530, 25, 0.8, 1.6, 1.2),
    Area(3, "Paris 3e", 48.8625, 2.3596, 580, 15, 1.0, 1.1, 1.3),
    Area(4, "Paris 4e", 48.8554, 2.3563, 720, 26, 0.9, 1.0, 1.7),
    Area(5, "Paris 5e", 48.8454, 2.3497, 840, 36, 1.0, 1.1, 1.3),
    Area(6, "Paris 6e", 48.8502, 2.3334, 850, 33, 0.9, 1.1, 1.3),
    Area(7, "Paris 7e", 48.8568, 2.3147, 1150, 28, 0.8, 1.3, 1.3),
    Area(8, "Paris 8e", 48.8742, 2.3098, 1190, 53, 0.6, 1.7, 1.1),
    Area(9, "Paris 9e", 48.8772, 2.3380, 820, 46, 0.9, 1.5, 1.0),
    Area(10, "Paris 10e", 48.8754, 2.3593, 910, 53, 1.2, 1.1, 1.2),
    Area(11, "Paris 11e", 48.8587, 2.3779, 1130, 57, 1.4, 0.9, 1.2),
    Area(12, "Paris 12e", 48.8407, 2.3971, 1600, 67, 1.2, 1.0, 0.9),
    Area(13, "Paris 13e", 48.8288, 2.3632, 1420, 68, 1.2, 1.1, 0.8),
    Area(14, "Paris 14e", 48.8306, 2.3246, 1300, 57, 1.2, 0.9, 0.8),
    Area(15, "Paris 15e", 48.8405, 2.2947, 1570, 90, 1.2, 1.1, 0.8),
    Area(16, "Paris 16e", 48.8620, 2.2747, 1600, 62, 1.0, 0.9, 0.9),
    Area(17, "Paris 17e", 48.8860, 2.3094, 1460, 62, 1.2, 1.0, 0.8),
    Area(18, "Paris 18e", 48.8907, 2.3443, 1260, 61, 1.4, 0.7, 1.0),
    Area(19, "Paris 19e", 48.8854, 2.3826, 1370, 64, 1.4, 0.7, 1.0),
    Area(20, "Paris 20e", 48.8642, 2.4033, 1470, 68, 1.5, 0.6, 0.8),
    Area(210, "Boulogne-Billancourt", 48.8333, 2.2408, 1080, 29, 1.1, 1.2, 0.6),
    Area(211, "Clichy", 48.9037, 2.3079, 790, 13, 1.1, 1.0, 0.5),
    Area(212, "Montrouge", 48.8154, 2.3184, 850, 12, 1.2, 1.0, 0.5),
    Area(213, "Issy-les-Moulineaux", 48.8239, 2.2661, 1070, 22, 1.0, 1.2, 0.5),
    Area(214, "Clamart", 48.8006, 2.2622, 1600, 3, 1.1, 0.7, 0.4),
    Area(215, "Suresnes", 48.8705, 2.2238, 850, 10, 1.0, 0.9, 0.5),
    Area(217, "Vanves", 48.8217, 2.2911, 590, 7, 1.2, 0.7, 0.4),
    Area(219, "Meudon", 48.8182, 2.2367, 940, 5, 1.1, 0.7, 0.5),
    Area(220, "Neuilly-sur-Seine", 48.8844, 2.2677, 810, 13, 0.9, 1.3, 0.6),
    Area(221, "Saint-Cloud", 48.8562, 2.2211, 590, 3, 1.0, 0.8, 0.6),
    Area(222, "Bagneux", 48.7967, 2.3152, 1210, 6, 1.2, 0.7, 0.4),
    Area(223, "Gennevilliers", 48.9276, 2.2952, 890, 5, 1.0, 1.0, 0.4),
    Area(224, "Malakoff", 48.8193, 2.3012, 700, 7, 1.2, 0.8, 0.4),
    Area(230, "Levallois-Perret", 48.8920, 2.2889, 1060, 13, 1.0, 1.3, 0.5),
    Area(232, "Châtillon", 48.8029, 2.2864, 860, 6, 1.1, 0.8, 0.4),
    Area(240, "Courbevoie", 48.9005, 2.2612, 1100, 7, 0.8, 1.5, 0.5),
    Area(250, "Rueil-Malmaison", 48.8742, 2.1843, 1600, 10, 1.0, 1.0, 0.5),
    Area(260, "Asnières-sur-Seine", 48.9149, 2.2882, 1550, 13, 1.2, 0.7, 0.4),
    Area(270, "Colombes", 48.9231, 2.2391, 1600, 5, 1.2, 0.7, 0.4),
    Area(280, "Puteaux", 48.8840, 2.2380, 700, 2, 0.7, 1.7, 0.5),
    Area(310, "Montreuil", 48.8585, 2.4367, 1110, 21, 1.3, 0.8, 0.6),
    Area(317, "Bagnolet", 48.8684, 2.4180, 990, 9, 1.2, 0.8, 0.4),
    Area(320, "Saint-Denis", 48.9301, 2.3584, 1600, 19, 1.1, 1.2, 0.7),
    Area(323, "Romainville", 48.8829, 2.4357, 860, 5, 1.2, 0.6, 0.4),
    Area(326, "Les Lilas", 48.8801, 2.4182, 470, 4, 1.3, 0.6, 0.5),
    Area(330, "Aubervilliers", 48.9111, 2.3799, 1200, 13, 1.1, 1.0, 0.5),
    Area(340, "Saint-Ouen-sur-Seine", 48.9061, 2.3316, 990, 9, 1.1, 1.1, 0.6),
    Area(350, "Pantin", 48.8949, 2.4093, 990, 20, 1.2, 1.0, 0.6),
    Area(400, "Créteil", 48.7802, 2.4616, 1600, 14, 1.1, 0.9, 0.5),
    Area(411, "Arcueil", 48.8089, 2.3349, 450, 3, 1.1, 0.8, 0.4),
    Area(412, "Fontenay-sous-Bois", 48.8523, 2.4724, 1060, 11, 1.2, 0.8, 0.5),
    Area(416, "Saint-Mandé", 48.8435, 2.4184, 690, 5, 1.3, 0.6, 0.5),
    Area(420, "Ivry-sur-Seine", 48.8141, 2.3885, 1370, 17, 1.1, 1.0, 0.5),
    Area(422, "Charenton-le-Pont", 48.8232, 2.4059, 760, 5, 1.1, 1.0, 0.5),
    Area(423, "Cachan", 48.7939, 2.3300, 940, 5, 1.1, 0.7, 0.4),
    Area(425, "Gentilly", 48.8138, 2.3425, 710, 4, 1.1, 0.8, 0.4),
    Area(427, "Le Kremlin-Bicêtre", 48.8119, 2.3612, 450, 5, 1.1, 0.9, 0.4),
    Area(430, "Vincennes", 48.8477, 2.4340, 920, 10, 1.3, 0.7, 0.8),
    Area(440, "Vitry-sur-Seine", 48.7888, 2.3957, 1600, 16, 1.2, 0.7, 0.4),
    Area(470, "Maisons-Alfort", 48.8090, 2.4345, 1240, 7, 1.2, 0.7, 0.4),
    Area(480, "Villejuif", 48.7891, 2.3631, 1020, 11, 1.2, 0.8, 0.4),
    Area(510, "Argenteuil", 48.9470, 2.2487, 1600, 7, 1.2, 0.6, 0.4),
    Area(920, "Nanterre", 48.8938, 2.2100, 1340, 8, 0.9, 1.3, 0.5),
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
