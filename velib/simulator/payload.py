"""The feed's text: a station's entry in the `velib_app` format, with its variants.

Most stations stay as they are from one snapshot to the next, and most bikes of a station that changed do too: a
bike's text is kept in `Bike.json` until it changes, and whole entries are kept by `feed`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from velib.simulator.engine import status
from velib.simulator.fleet import FLAT_BATTERY, TO_COLLECT_CAUSES
from velib.simulator.network import Bike, Station


def bike_text(bike: Bike) -> str:
    """A bike as the feed lists it."""
    if bike.json is not None:
        return bike.json
    station = bike.station
    assert station is not None
    if bike.rate is None:
        rates = '"bikeRate":null,"numberOfRates":0,"lastRateDate":null'
    else:
        rated = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bike.last_rated))
        rates = f'"bikeRate":{bike.rate},"numberOfRates":{bike.rates},"lastRateDate":"{rated}"'
    cause = "" if station.omits_cause and bike.cause is None else f',"bikeBlockCause":"{bike.cause or ""}"'
    # some electric bikes never tell their battery
    battery = "" if bike.battery is None or bike.index % 29 == 5 else f',"bikeBatteryLevel":{bike.battery}'
    bike.json = (
        f'{{"bikeName":"{bike.name}","bikeElectric":"{"yes" if bike.electric else "no"}","bikeStatus":"{status(bike)}",'
        f'"dockPosition":"{bike.dock}",{rates}{cause}{battery},"stationId":{station.id}}}'
    )
    return bike.json


def station_entry(station: Station, bikes: Sequence[Bike]) -> bytes:
    """A station's entry, listing these bikes and counting just these."""
    mechanical = electric = overflow = electric_overflow = plain_taken = taken = collect = fix = 0
    capacity, plain_docks = station.capacity, station.plain_docks
    for bike in bikes:
        dock = bike.dock
        if dock > capacity:
            if bike.electric:
                electric_overflow += 1
            else:
                overflow += 1
        else:
            taken += 1
            if dock <= plain_docks:
                plain_taken += 1
        cause = bike.cause
        if cause is None:
            if bike.electric:
                electric += 1
            else:
                mechanical += 1
        elif cause in TO_COLLECT_CAUSES:
            collect += 1
        elif cause != FLAT_BATTERY:
            fix += 1
    kind = "" if station.station_type is None else f',"stationType":"{station.station_type}"'
    listed = "" if station.omits_bikes and not bikes else f',"bikes":[{",".join(map(bike_text, bikes))}]'
    last = (
        ""
        if station.omits_counts
        else f',"nbBikeBlockedToCollect":{collect},"nbBikeBlockedToFixInStation":{fix},'
        f'"isAltitude":{int(station.is_high)}'
    )
    active = "yes" if taken == capacity or overflow + electric_overflow else "no"
    text = (
        f'{{"station":{{"gps":{{"latitude":{station.latitude},"longitude":{station.longitude}}},"state":"{station.state}",'
        f'"name":{json.dumps(station.name, ensure_ascii=False)},"code":"{station.code}","type":"yes"{kind},'
        f'"dueDate":{station.due_date}}},"nbBike":{mechanical},"nbEbike":{electric},'
        f'"nbFreeDock":{plain_docks - plain_taken},"nbFreeEDock":{station.edocks - taken + plain_taken},'
        f'"nbDock":{plain_docks},"nbEDock":{station.edocks},"nbBikeOverflow":{overflow},'
        f'"nbEBikeOverflow":{electric_overflow},"maxBikeOverflow":{station.max_overflow},'
        f'"creditCard":"{station.credit_card}","kioskState":"{station.kiosk}",'
        f'"overflow":"{"yes" if station.overflows else "no"}",'
        f'"overflowActivation":"{active if station.overflows else "no"}",'
        f'"densityLevel":{station.density}{last}{listed}}}'
    )
    return text.encode()
