"""What the first generation's paths take and answer."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from velib.api.values import Count, Latitude, Longitude, Name, Text

_STRICT = ConfigDict(extra="forbid")
_LOCAL = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$"
LocalTime = Annotated[
    str, Field(pattern=_LOCAL, description="Local time, without a zone.", examples=["2026-06-02T08:30:00"])
]
# Read back as it is told: empty where nothing is known.
Type = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$"), AfterValidator(lambda text: text or None)]


class Station(BaseModel):
    model_config = _STRICT

    station_code: str = Field(description="Its code.")
    name: str | None = Field(description="Its name.")
    latitude: float | None = Field(description="Degrees north (WGS 84).")
    longitude: float | None = Field(description="Degrees east (WGS 84).")
    type: str = Field(description="The feed's type; empty where it does not say.")
    nbdock_total: int | None = Field(description="Docks, without the electric ones where the feed tells them apart.")
    maxbikeoverflow: int | None = Field(description="How many bikes may be parked beyond the docks.")


class Velo(BaseModel):
    model_config = _STRICT

    velo_name: str = Field(description="Its name.")
    bikeelectric: bool | None = Field(description="Whether it is electric; null: not known.")


class Etat(BaseModel):
    model_config = _STRICT

    station_code: str = Field(description="The station.")
    timestamp_capture: LocalTime
    nbbike: int | None = Field(description="Mechanical bikes; all bikes where the feed does not tell them apart.")
    nbebike: int | None = Field(description="Electric bikes.")
    nbfreedock: int | None = Field(description="Free docks, without the electric ones where the feed tells them apart.")
    state: str | None = Field(description="Its state, as the feed says.")


class Localisation(BaseModel):
    model_config = _STRICT

    loc_id: int = Field(description="Key. Grows with time, below 2^53.")
    snapshot_id: int = Field(description="The capture time in seconds since 1970.")
    timestamp_capture: LocalTime
    velo_name: str = Field(description="The bike.")
    station_code: str | None = Field(description="The station; null in the street.")
    bikestatus: str | None = Field(description="disponible, indisponible, or as the feed says.")
    dockposition: str | None = Field(description="The dock.")
    bikeblockcause: str | None = Field(description="Why it is blocked.")
    bikebatterylevel: int | None = Field(description="Percent.")


class Trajet(BaseModel):
    model_config = _STRICT

    velo_name: str = Field(description="The bike.")
    station_depart_code: str = Field(description="The station it left.")
    heure_depart: LocalTime
    station_arrivee_code: str = Field(description="The station it came to.")
    heure_arrivee: LocalTime
    duree_trajet_minutes: float = Field(description="Minutes between the two.")


class Route(BaseModel):
    model_config = _STRICT

    station_depart_code: str = Field(description="The station they left.")
    station_arrivee_code: str = Field(description="The station they came to.")
    nombre_trajets: int = Field(description="How many trips.")
    duree_moyenne_minutes: float = Field(description="How long they took in the mean.")


class MeanOfRoute(BaseModel):
    model_config = _STRICT

    station_depart_code: str = Field(description="The station they left.")
    station_arrivee_code: str = Field(description="The station they came to.")
    duree_moyenne_minutes: float = Field(description="How long trips take in the mean.")


class DayOfTrips(BaseModel):
    model_config = _STRICT

    jour: date = Field(description="The local day of heure_depart.")
    nombre_trajets: int = Field(description="How many trips.")
    duree_moyenne_minutes: float = Field(description="How long they took in the mean.")


class Visited(BaseModel):
    model_config = _STRICT

    velo_name: str = Field(description="The bike.")
    periode: str = Field(description="jour, semaine, mois or annee.")
    date_ref: date = Field(description="The last day of the period.")
    nombre_stations_visitees: int = Field(description="Stations that its trips of the period left or came to.")


class Boomerang(BaseModel):
    model_config = _STRICT

    velo_name: str = Field(description="The bike.")
    is_boomerang_user: bool = Field(description="Whether any of its trips came back to where it began.")
    count: int = Field(description="How many did.")


class Use(BaseModel):
    model_config = _STRICT

    velo_name: str = Field(description="The bike.")
    nombre_trajets: int = Field(description="How many trips.")
    duree_totale_heures: float = Field(description="How long they took together.")


class Flux(BaseModel):
    model_config = _STRICT

    station_code: str = Field(description="The station.")
    station_name: str | None = Field(description="Its name; null where it is not known or the station is hidden.")
    type_flux: Literal["Depart", "Arrivee"] = Field(description="Trips that left it, or that came to it.")
    nombre_flux: int = Field(description="How many.")


class Imbalance(BaseModel):
    model_config = _STRICT

    station_code: str = Field(description="The station.")
    station_name: str | None = Field(description="Its name; null where it is not known or the station is hidden.")
    departures: int = Field(description="Trips that left it.")
    arrivals: int = Field(description="Trips that came to it.")
    imbalance: int = Field(description="departures - arrivals: above 0 it drains.")


class Said(BaseModel):
    model_config = _STRICT

    message: str = Field(description="What was done.")


class StationChanged(BaseModel):
    name: Name | None = Field(default=None, description="Its name.")
    latitude: Latitude | None = Field(default=None, description="Degrees north (WGS 84).")
    longitude: Longitude | None = Field(default=None, description="Degrees east (WGS 84).")
    type: Type | None = Field(default=None, description="The feed's type; empty: not known.")
    nbdock_total: Count | None = Field(default=None, description="Docks.")
    maxbikeoverflow: Count | None = Field(default=None, description="How many bikes may be parked beyond the docks.")


class StationAdded(StationChanged):
    station_code: Text = Field(description="Its code.")


class VeloChanged(BaseModel):
    bikeelectric: bool | None = Field(default=None, description="Whether it is electric.")


class VeloAdded(VeloChanged):
    velo_name: Text = Field(description="Its name.")
