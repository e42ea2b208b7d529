"""The built-in model's `prompt_defaults.json`: words for properties that a prompt leaves open."""

from collections.abc import Iterable

from gpu.base_models.prompt_defaults import PromptDefault, PromptDefaults
from gpu.pretrain.scenes import ALONE, HOMES
from gpu.pretrain.things import COLOURS, OWN_COLOUR
from gpu.pretrain.vocabulary import BROADER, Colour, Count, Place, Position, Size, Thing, Time

_INDOORS = (Place.ROOM, Place.PLAIN)
# places of things without a typical one; night, city and plain are left out, because they change an
# artist's palette most
_ANYWHERE = (Place.MEADOW, Place.HILLS, Place.BEACH, Place.SNOW)
_PLACES: dict[Thing, tuple[Place, ...]] = {
    Thing.PORTRAIT: (Place.PLAIN,), Thing.CAR: (Place.CITY,), Thing.TRAIN: (Place.HILLS,),
    Thing.STAR: (Place.CITY, Place.HILLS), Thing.MOON: (Place.SEA, Place.HILLS),
    Thing.MUSHROOM: (Place.FOREST,), Thing.BRIDGE: (Place.SEA,),
    **{thing: (place,) for thing, place in HOMES.items()},
}  # fmt: skip
_AT_NIGHT = (Thing.MOON, Thing.STAR)


def open_choices() -> PromptDefaults:
    """The choices of place, time, colour and layout that the built-in model ships."""
    scenery = frozenset(BROADER[word] for word in (*Place, *Time) if word in BROADER)
    places = _words(Place) | scenery - {"bright", "dark"}
    times = _words(Time) | {"bright", "dark"}
    where = [_choice([thing], places, _PLACES.get(thing, _ANYWHERE)) for thing in Thing]
    outdoors = [place for place in Place if place not in _INDOORS]
    when = [
        _choice(_AT_NIGHT, times | _words(_INDOORS), [Time.NIGHT]),
        _choice(outdoors, times, [Time.DAY, Time.DAY, Time.DAY, Time.SUNSET]),
    ]
    colours = [
        _choice([thing], _words(Colour), COLOURS[thing])
        for thing in Thing
        if thing not in OWN_COLOUR
    ]
    placed = [thing for thing in Thing if thing not in ALONE]
    layouts = ["", Position.LEFT, Position.RIGHT, Size.BIG]
    layout = _choice(placed, _words((*Position, *Size, *Count)), layouts)
    return PromptDefaults((*where, *when, *colours, layout))


def _choice(of: Iterable[str], unless: Iterable[str], words: Iterable[str]) -> PromptDefault:
    return PromptDefault(_words(of), _words(unless), tuple(str(word) for word in words))


def _words(group: Iterable[str]) -> frozenset[str]:
    return frozenset(str(word) for word in group)
