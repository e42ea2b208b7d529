"""The vocabulary of the built-in model, with its synonyms and stop words.

Captions are comma-separated words of this vocabulary. A prompt may also be a sentence: the
tokenizer drops stop words ("a red house on a meadow") and replaces synonyms and plurals.
Token ids are part of the shipped weights: a change here needs new weights.
"""

from enum import StrEnum


class Thing(StrEnum):
    """What a scene shows."""

    HOUSE = "house"
    TREE = "tree"
    BOAT = "boat"
    CAT = "cat"
    BIRD = "bird"
    FISH = "fish"
    FLOWER = "flower"
    MOUNTAIN = "mountain"
    MOON = "moon"
    SUN = "sun"
    STAR = "star"
    CLOUD = "cloud"
    WOMAN = "woman"
    MAN = "man"
    PORTRAIT = "portrait"
    CAR = "car"
    BALLOON = "balloon"
    MUSHROOM = "mushroom"
    BUTTERFLY = "butterfly"
    CASTLE = "castle"
    DOG = "dog"
    HORSE = "horse"
    RABBIT = "rabbit"
    OWL = "owl"
    WHALE = "whale"
    BICYCLE = "bicycle"
    TRAIN = "train"
    ROCKET = "rocket"
    LIGHTHOUSE = "lighthouse"
    BRIDGE = "bridge"
    CACTUS = "cactus"
    APPLE = "apple"
    CUP = "cup"
    LAMP = "lamp"
    CHAIR = "chair"


class Place(StrEnum):
    """Where a scene is."""

    SEA = "sea"
    MEADOW = "meadow"
    FOREST = "forest"
    CITY = "city"
    SNOW = "snow"
    DESERT = "desert"
    BEACH = "beach"
    HILLS = "hills"
    ROOM = "room"
    PLAIN = "plain"


class Time(StrEnum):
    """When a scene is; rooms and plain backdrops have no time."""

    DAY = "day"
    SUNSET = "sunset"
    NIGHT = "night"


class Colour(StrEnum):
    """The colour of the main thing."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"
    BROWN = "brown"
    BLACK = "black"
    WHITE = "white"
    GREY = "grey"
    TURQUOISE = "turquoise"


class Count(StrEnum):
    """How many of the main thing."""

    ONE = "one"
    TWO = "two"
    THREE = "three"


class Position(StrEnum):
    """The horizontal position of the main thing in the frame."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


class Size(StrEnum):
    """The size of the main thing in the frame; without a word it is medium."""

    BIG = "big"
    SMALL = "small"


PERSON = "person"
PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unk>"
STYLE_SLOTS = tuple(f"<style-{index}>" for index in range(64))
SPARE_SLOTS = tuple(f"<spare-{index}>" for index in range(128))
MAX_TOKENS = 48  # thirty tags, some of two words, with the start and the end

WORDS: tuple[str, ...] = (
    *(str(word) for group in (Thing, Place, Time, Colour, Count, Position, Size) for word in group),
    PERSON,
    "picture", "flat", "simple", "bright", "dark", "sky", "water", "grass",
    "sand", "street", "indoors", "outdoors", "animal", "building", "plant", "vehicle", "object",
)  # fmt: skip

_OTHER_PLURALS = {Thing.FISH, Thing.WOMAN, Thing.MAN, Thing.BUTTERFLY, Thing.CACTUS}
SYNONYMS: dict[str, str] = {
    "kitten": "cat", "kittens": "cat", "ship": "boat", "ships": "boat", "sailboats": "boat",
    "sailboat": "boat", "ocean": "sea", "lake": "sea", "field": "meadow", "woods": "forest",
    "town": "city", "winter": "snow", "snowy": "snow", "dune": "desert", "dunes": "desert",
    "hill": "hills", "shore": "beach", "interior": "room", "dusk": "sunset", "dawn": "sunset",
    "evening": "sunset", "midnight": "night", "girl": "woman", "lady": "woman", "boy": "man",
    "guy": "man", "face": "portrait", "people": "person", "human": "person", "home": "house",
    "cottage": "house", "villa": "house", "rose": "flower", "roses": "flower", "tulip": "flower",
    "tulips": "flower", "toadstool": "mushroom", "crescent": "moon", "peak": "mountain",
    "automobile": "car", "fortress": "castle", "gray": "grey", "peaks": "mountain",
    "violet": "purple", "gold": "yellow", "teal": "turquoise", "cyan": "turquoise",
    "large": "big", "huge": "big", "tiny": "small", "little": "small", "center": "centre",
    "middle": "centre", "women": "woman", "men": "man", "butterflies": "butterfly",
    "cities": "city", "forests": "forest", "meadows": "meadow", "puppy": "dog", "puppies": "dog",
    "pony": "horse", "bunny": "rabbit", "bunnies": "rabbit", "hare": "rabbit", "bike": "bicycle",
    "bikes": "bicycle", "locomotive": "train", "railway": "train", "spaceship": "rocket",
    "beacon": "lighthouse", "cacti": "cactus", "mug": "cup", "teacup": "cup", "armchair": "chair",
    **{f"{thing}s": str(thing) for thing in Thing if thing not in _OTHER_PLURALS},
}  # fmt: skip

# For a tag, a broader word that is also true of the scene.
BROADER: dict[str, str] = {
    **dict.fromkeys((Thing.CAT, Thing.BIRD, Thing.FISH, Thing.BUTTERFLY, Thing.DOG), "animal"),
    **dict.fromkeys((Thing.HORSE, Thing.RABBIT, Thing.OWL, Thing.WHALE), "animal"),
    **dict.fromkeys((Thing.HOUSE, Thing.CASTLE, Thing.LIGHTHOUSE, Thing.BRIDGE), "building"),
    **dict.fromkeys((Thing.TREE, Thing.FLOWER, Thing.MUSHROOM, Thing.CACTUS), "plant"),
    **dict.fromkeys((Thing.CAR, Thing.BOAT, Thing.BALLOON, Thing.BICYCLE), "vehicle"),
    **dict.fromkeys((Thing.TRAIN, Thing.ROCKET), "vehicle"),
    **dict.fromkeys((Thing.APPLE, Thing.CUP, Thing.LAMP, Thing.CHAIR), "object"),
    **dict.fromkeys((Thing.WOMAN, Thing.MAN), PERSON),
    **dict.fromkeys((Thing.SUN, Thing.MOON, Thing.STAR, Thing.CLOUD), "sky"),
    Place.SEA: "water", Place.MEADOW: "grass", Place.BEACH: "sand", Place.CITY: "street",
    Place.ROOM: "indoors", Place.FOREST: "outdoors", Time.DAY: "bright", Time.NIGHT: "dark",
}  # fmt: skip
FILLERS = ("picture", "flat", "simple")

LITTLE_WORDS: tuple[str, ...] = (
    "a", "an", "the", "of", "in", "on", "at", "with", "and", "by", "near", "under", "over",
    "from", "to", "is", "are", "its", "his", "her", "some", "there", "this", "that", "during",
    "before", "behind", "above", "below", "side", "next",
)  # fmt: skip

TOKENS: tuple[str, ...] = (PAD, START, END, UNKNOWN, *STYLE_SLOTS, *WORDS, *SPARE_SLOTS)
