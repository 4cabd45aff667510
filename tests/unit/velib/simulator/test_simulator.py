"""The simulated city: the same every time, consistent in itself, and true to its own truth.

Every check reads the snapshots as a stranger would, from their bytes. What the archive on disk looks like is in
`test_simulator_archive`.
"""

# ruff: noqa: DTZ001 -- a city starts at a local time without zone
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from velib.simulator.city import City
from velib.simulator.config import PARIS, CityConfig
from velib.simulator.demand import easter, is_holiday
from velib.simulator.geography import AREAS
from velib.simulator.network import build_network

SMALL = {"stations": 40, "bikes": 400}
STATES = {"Operative", "Close", "Work in progress", "Neutralised", "Dismantle"}


class Run:
    """A finished run: its snapshots decoded, and its truth."""

    def __init__(self, **config):
        self.config = CityConfig(**{**SMALL, **config})
        self.city = City(self.config)
        self.snapshots = [(at, json.loads(payload)) for at, payload in self.city]
        self.movements = self.city.movements()
        self.faults = self.city.faults()

    def places(self):
        """For each snapshot, its time and where each bike is listed."""
        for at, stations in self.snapshots:
            where = defaultdict(list)
            for station in stations:
                for bike in station.get("bikes", []):
                    where[bike["bikeName"]].append(station["station"]["code"])
            yield at, where


@pytest.fixture(scope="module")
def day():
    """A weekday, minute by minute."""
    return Run(snapshots=1440)


@pytest.fixture(scope="module")
def faulty():
    return Run(snapshots=240, start=datetime(2026, 6, 2, 7), dropouts=5, twice=0.05)


def digest_of_a_run(hash_seed):
    code = (
        "import hashlib; from velib.simulator.city import City; from velib.simulator.config import CityConfig\n"
        "city = City(CityConfig(stations=40, bikes=400, snapshots=40, dropouts=3, twice=0.2)); h = hashlib.sha256()\n"
        "for at, payload in city: h.update(str(at).encode() + payload)\n"
        "h.update(repr(city.movements() + city.faults()).encode()); print(h.hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True).stdout


def test_the_same_config_gives_the_same_city_whatever_the_hash_seed():
    assert digest_of_a_run("1") == digest_of_a_run("4711")


def test_another_seed_gives_another_city():
    payloads = {next(iter(City(CityConfig(**SMALL, snapshots=1, seed=seed))))[1] for seed in range(3)}
    assert len(payloads) == 3


def test_a_city_runs_once():
    city = City(CityConfig(**SMALL, snapshots=1))
    assert len(list(city)) == 1
    with pytest.raises(RuntimeError, match="runs once"):
        next(iter(city))


@pytest.mark.parametrize(
    "wrong", [{"stations": 1}, {"stations": 5000}, {"bikes": 0}, {"every": 0}, {"twice": 1.5}, {"snapshots": 0}]
)
def test_an_impossible_city_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CityConfig(**wrong)


# -- each snapshot in itself


def test_a_bike_is_in_one_place(day):
    for _, where in day.places():
        assert all(len(codes) == 1 for codes in where.values())


def test_docks_are_text_and_unique_in_a_station(day):
    for _, stations in day.snapshots[::20]:
        for station in stations:
            docks = [bike["dockPosition"] for bike in station.get("bikes", [])]
            assert all(isinstance(dock, str) for dock in docks)
            assert len(set(docks)) == len(docks)


def test_counts_match_the_list(day):
    for _, stations in day.snapshots[::20]:
        for station in stations:
            bikes = station.get("bikes", [])
            fit = Counter(bike["bikeElectric"] for bike in bikes if bike["bikeStatus"] == "disponible")
            assert (station["nbBike"], station["nbEbike"]) == (fit["no"], fit["yes"])
            docks = station["nbDock"] + station["nbEDock"]
            docked = sum(int(bike["dockPosition"]) <= docks for bike in bikes)
            assert station["nbFreeDock"] + station["nbFreeEDock"] == docks - docked
            assert station["nbFreeDock"] >= 0
            assert station["nbFreeEDock"] >= 0
            assert station["nbBikeOverflow"] + station["nbEBikeOverflow"] == len(bikes) - docked
            assert len(bikes) - docked <= station["maxBikeOverflow"]
            blocked = sum(bike["bikeStatus"] == "indisponible" for bike in bikes)
            assert station.get("nbBikeBlockedToCollect", 0) + station.get("nbBikeBlockedToFixInStation", 0) <= blocked


def test_a_blocked_bike_says_why_and_a_fit_one_has_no_cause(day):
    for _, stations in day.snapshots[::60]:
        for bike in (bike for station in stations for bike in station.get("bikes", [])):
            assert bool(bike.get("bikeBlockCause")) == (bike["bikeStatus"] == "indisponible")


def test_the_documented_variants_are_there(day):
    entries = [station for _, stations in day.snapshots[::60] for station in stations]
    bikes = [bike for entry in entries for bike in entry.get("bikes", [])]
    assert {entry["station"]["state"] for entry in entries} == STATES
    assert {"31024_relais"} < {entry["station"]["code"] for entry in entries}
    assert {"08047"} < {bike["bikeName"] for bike in bikes}
    for some, field in [
        ([entry["station"] for entry in entries], "stationType"),
        (entries, "bikes"),
        (entries, "nbBikeBlockedToCollect"),
        (entries, "nbBikeBlockedToFixInStation"),
        (entries, "isAltitude"),
        (bikes, "bikeBlockCause"),
        (bikes, "bikeBatteryLevel"),
    ]:
        assert {field in one for one in some} == {True, False}, field
    assert {value for entry in entries for value in (entry["overflow"], entry["kioskState"])} == {"yes", "no"}
    assert all(entry["station"]["dueDate"] < datetime(2026, 6, 1, tzinfo=UTC).timestamp() for entry in entries)
    # a bike nobody ever rated
    assert {bike["bikeRate"] is None for bike in bikes} == {True, False}


def test_a_feed_without_bikes_at_a_station_counts_none_there(day):
    """Else the loader would take the whole file for one that contradicts itself."""
    for _, stations in day.snapshots[::20]:
        assert all(s["nbBike"] + s["nbEbike"] == 0 for s in stations if not s.get("bikes"))


def test_codes_name_the_place_the_station_stands_in():
    stations = build_network(CityConfig(bikes=15_000, stations=1_485))
    assert len({station.code for station in stations}) == 1_485
    assert len({station.name for station in stations}) == 1_485
    prefixes = {area.prefix: area for area in AREAS}
    for station in stations:
        number = int(station.code.removesuffix("_relais"))
        area = prefixes[number // 1000 if number < 21_000 else number // 100]
        assert abs(station.latitude - area.latitude) < 0.02
        assert abs(station.longitude - area.longitude) < 0.03


def test_times_keep_to_the_grid(day):
    for index, (at, _) in enumerate(day.snapshots):
        late = at - (datetime(2026, 6, 1, 22, tzinfo=UTC) + timedelta(minutes=index))
        assert timedelta(0) <= late < timedelta(seconds=3)


# -- the truth


@pytest.mark.parametrize("run", ["day", "faulty"])
def test_the_snapshots_show_what_the_truth_says(run, request):
    """Every bike at every snapshot is where its movements have it; one that never moved stays where it was."""
    run = request.getfixturevalue(run)
    dropped = [fault for fault in run.faults if fault.kind == "dropout"]
    doubled = [fault for fault in run.faults if fault.kind == "twice"]
    moves = defaultdict(list)
    for movement in run.movements:
        moves[movement.bike_id].append(movement)
    last, following, settled = {}, Counter(), {}
    for at, where in run.places():
        absent = {fault.station_code for fault in dropped if fault.first_at <= at <= fault.last_at}
        ghosts = {(f.bike_id, f.station_code) for f in doubled if f.first_at <= at <= f.last_at}
        seen = {bike: [code for code in codes if (bike, code) not in ghosts] for bike, codes in where.items()}
        for bike in moves.keys() | seen.keys() | settled.keys():
            own, codes = moves[bike], seen.get(bike, [])
            while following[bike] < len(own) and own[following[bike]].departed_at <= at:
                last[bike] = own[following[bike]]
                following[bike] += 1
            if bike in last:
                arrived = last[bike].arrived_at is not None and last[bike].arrived_at <= at
                place = last[bike].destination_station_code if arrived else None
            else:  # it stood somewhere at the first snapshot, and does until its first movement
                if own or codes:
                    settled.setdefault(bike, own[0].origin_station_code if own else codes[0])
                place = settled.get(bike)
            assert codes == ([] if place is None or place in absent else [place]), (bike, at, last.get(bike))


def test_movements_under_way_at_the_first_snapshot_are_told(day):
    first_at, where = next(iter(day.places()))
    under_way = {m.bike_id for m in day.movements if m.departed_at <= first_at}
    assert under_way
    assert not under_way & where.keys()
    assert under_way | where.keys() >= {m.bike_id for m in day.movements}


def test_movements_of_a_bike_follow_each_other(day):
    last = {}
    for movement in day.movements:
        before = last.get(movement.bike_id)
        if before is not None:
            assert before.arrived_at is not None
            assert before.arrived_at <= movement.departed_at
            assert before.destination_station_code == movement.origin_station_code
        assert movement.arrived_at is None or movement.arrived_at > movement.departed_at
        last[movement.bike_id] = movement


def test_every_kind_of_movement_happens_and_is_what_it_is_called(day):
    kinds = Counter(movement.kind for movement in day.movements)
    assert set(kinds) == {"trip", "round_trip", "boomerang", "rebalancing", "maintenance", "flicker"}
    for m in day.movements:
        same = m.origin_station_code == m.destination_station_code
        if m.arrived_at is not None:
            assert same == (m.kind in {"round_trip", "boomerang", "flicker"}) or m.kind in {
                "maintenance",
                "rebalancing",
            }
            if m.kind == "boomerang":
                assert (m.arrived_at - m.departed_at).total_seconds() < 300
    assert kinds["trip"] > 0.8 * kinds.total()
    assert any(m.arrived_at is None and m.destination_station_code is None for m in day.movements)


def test_trucks_move_many_at_once(day):
    loads = Counter((m.origin_station_code, m.departed_at) for m in day.movements if m.kind == "rebalancing")
    assert loads
    assert all(5 <= load <= 20 for load in loads.values())


def test_rides_go_at_the_speed_of_bikes(day):
    minutes = sorted(
        (m.arrived_at - m.departed_at).seconds / 60 for m in day.movements if m.kind == "trip" and m.arrived_at
    )
    assert 10 < minutes[len(minutes) // 2] < 25


def test_bikes_break_and_are_mended_and_batteries_swapped(day):
    before, blocked, mended, swapped = {}, 0, 0, 0
    for _, stations in day.snapshots[::10]:
        for bike in (bike for station in stations for bike in station.get("bikes", [])):
            status, battery = before.get(bike["bikeName"], (None, None))
            blocked += (status, bike["bikeStatus"]) == ("disponible", "indisponible")
            mended += (status, bike["bikeStatus"]) == ("indisponible", "disponible")
            swapped += battery is not None and bike.get("bikeBatteryLevel", 0) > battery + 40
            before[bike["bikeName"]] = bike["bikeStatus"], bike.get("bikeBatteryLevel")
    assert min(blocked, mended, swapped) > 0


def test_stations_close_and_open_again():
    run = Run(snapshots=48, every=1800, stations=150, bikes=300)
    states = defaultdict(list)
    for _, stations in run.snapshots:
        for station in stations:
            states[station["station"]["code"]].append(station["station"]["state"])
    assert any(own[0] == own[-1] == "Operative" and set(own) - {"Operative"} for own in states.values())


# -- the shape of demand


def departures_by_hour(run):
    return Counter(m.departed_at.astimezone(PARIS).hour for m in run.movements if m.kind == "trip")


def test_a_weekday_has_two_rush_hours_and_a_quiet_night(day):
    hours = departures_by_hour(day)
    assert hours[8] > 8 * hours[3]
    assert hours[8] > 1.2 * hours[10]
    assert hours[18] > 1.2 * hours[15]


def test_people_commute(day):
    """In the morning bikes flow to where work is, in the evening back."""
    character = {s.code: s.work / s.home for s in day.city.engine.stations}
    flow = Counter()
    for m in day.movements:
        if m.kind == "trip" and m.destination_station_code:
            gain = character[m.destination_station_code] > character[m.origin_station_code]
            flow[m.departed_at.astimezone(PARIS).hour, gain] += 1
    assert flow[8, True] > 1.5 * flow[8, False]
    assert flow[18, False] > 1.2 * flow[18, True]


def test_a_sunday_is_another_day():
    hours = departures_by_hour(Run(snapshots=48, every=1800, start=datetime(2026, 6, 7)))
    assert hours[8] < 0.5 * hours[16]


def test_holidays():
    assert easter(2026).isoformat() == "2026-04-05"
    assert easter(2027).isoformat() == "2027-03-28"
    whit_monday, bastille_day, working_day = datetime(2026, 5, 25), datetime(2026, 7, 14), datetime(2026, 6, 2)
    assert [is_holiday(day.date()) for day in (whit_monday, bastille_day, working_day)] == [True, True, False]


# -- faults of the feed


def test_a_station_drops_out_and_comes_back(faulty):
    dropouts = [fault for fault in faulty.faults if fault.kind == "dropout"]
    assert len(dropouts) == 5
    for fault in dropouts:
        for at, stations in faulty.snapshots:
            listed = fault.station_code in {station["station"]["code"] for station in stations}
            assert listed != any(
                f.first_at <= at <= f.last_at for f in dropouts if f.station_code == fault.station_code
            )
    last = {station["station"]["code"] for station in faulty.snapshots[-1][1]}
    assert {fault.station_code for fault in dropouts} <= last


def test_a_bike_is_listed_twice_just_when_the_faults_say_so(faulty):
    told = {
        (fault.bike_id, at)
        for fault in faulty.faults
        if fault.kind == "twice"
        for at, _ in faulty.snapshots
        if fault.first_at <= at <= fault.last_at
    }
    seen = {(bike, at) for at, where in faulty.places() for bike, codes in where.items() if len(codes) == 2}
    assert seen == told
    assert len({bike for bike, _ in seen}) > 3
    assert len(seen) > len([fault for fault in faulty.faults if fault.kind == "twice"])


def test_faults_change_nothing_else(faulty):
    sound = Run(snapshots=240, start=datetime(2026, 6, 2, 7))
    at_fault = {fault.station_code for fault in faulty.faults}
    for (_, whole), (_, spoilt) in zip(sound.snapshots[::10], faulty.snapshots[::10], strict=True):
        spoilt = {station["station"]["code"]: station for station in spoilt}
        for station in whole:
            code = station["station"]["code"]
            if code not in at_fault:
                assert spoilt[code] == station
