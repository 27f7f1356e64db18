"""The synthetic city: Seoul's places, invented shops, people and their acts from one seed."""

from aiyam.catalogue.city.acts import CITY_END, CITY_START
from aiyam.catalogue.city.generate import generate_city
from aiyam.catalogue.city.truth import Truth

__all__ = ["CITY_END", "CITY_START", "Truth", "generate_city"]
