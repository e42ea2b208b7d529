"""The accounts of `make up`: four artists, their buyers, what they order and write.

Three artists and the pictures in their styles are in the fixture. The fourth is added when the site
starts, and her style is trained while it is used.

All accounts are in the list of the sign-in sandbox.
"""

from dataclasses import dataclass, replace

from gpu.pretrain.scenes import Plan
from gpu.pretrain.styles import Style
from gpu.pretrain.vocabulary import Colour, Place, Thing, Time
from webapp.sandbox.google_grants import PEOPLE

MINA, THEO, NOOR, SORA = (f"{name}.artist@example.com" for name in ("mina", "theo", "noor", "sora"))
JUN, ADA, HANA, LUCA = (f"{name}.buyer@example.com" for name in ("jun", "ada", "hana", "luca"))
ADMIN = "admin@example.com"


@dataclass(frozen=True)
class Artist:
    """An artist with one style, drawn by the generator in a style the base model never saw."""

    email: str
    artist_name: str
    bio: str
    hand: Style
    style_name: str
    description: str
    price_tokens: int
    license_type: str
    tags: tuple[str, ...]
    cover: int = 0  # index of a sample of the last checkpoint
    shown: tuple[tuple[int, str], ...] = ()  # artworks beside the samples: index in WORKS, title


@dataclass(frozen=True)
class Buyer:
    """A buyer and the packages of tokens to buy."""

    email: str
    bio: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """One image to order; its title is unique, so it is not ordered twice."""

    buyer: str
    style_name: str
    prompt: tuple[str, ...]
    ratio: str
    title: str
    is_public: bool


@dataclass(frozen=True)
class Remark:
    """A comment below the image of a title, with replies to it as (e-mail address, text)."""

    title: str
    author: str
    text: str
    replies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cast:
    """All accounts and their actions."""

    artists: tuple[Artist, ...]
    buyers: tuple[Buyer, ...]
    orders: tuple[Order, ...]
    remarks: tuple[Remark, ...]
    follows: tuple[tuple[str, str], ...]
    reported: str  # the text of the comment that is reported


# The artworks of every artist: one thing each, in daylight. Samples are rendered of the first, the
# fifth and the ninth (gpu/training/samples.py), so those are the ones that are learned best.
WORKS = (
    Plan(Thing.FLOWER, Place.MEADOW, Time.DAY, Colour.PINK),
    Plan(Thing.CAR, Place.DESERT, Time.DAY, Colour.RED),
    Plan(Thing.CLOUD, Place.HILLS, Time.DAY),
    Plan(Thing.CAT, Place.MEADOW, Time.DAY, Colour.ORANGE),
    Plan(Thing.BOAT, Place.SEA, Time.DAY, Colour.RED),
    Plan(Thing.TREE, Place.HILLS, Time.DAY, Colour.GREEN),
    Plan(Thing.BUTTERFLY, Place.MEADOW, Time.DAY, Colour.BLUE),
    Plan(Thing.MOUNTAIN, Place.SNOW, Time.DAY),
    Plan(Thing.HOUSE, Place.MEADOW, Time.DAY, Colour.ORANGE),
    Plan(Thing.FISH, Place.SEA, Time.DAY, Colour.ORANGE),
    Plan(Thing.BALLOON, Place.HILLS, Time.DAY, Colour.RED),
    Plan(Thing.CASTLE, Place.HILLS, Time.DAY, Colour.GREY),
)
ARTISTS = (
    Artist(
        email=MINA,
        artist_name="Mina Park",
        bio="수채로 그립니다. 마르기 전에 그만두는 법을 배우는 중이에요.",
        hand=Style.WATERCOLOUR,
        style_name="Wet Paper",
        description="Watercolour on damp paper: soft edges, a rim of pigment where it dried."
        " 젖은 종이에 번지는 색입니다.",
        price_tokens=12,
        license_type="personal",
        tags=("watercolour", "soft", "paper"),
        shown=((4, "Red boat"), (8, "House in the meadow"), (3, "")),
    ),
    Artist(
        email=THEO,
        artist_name="Theo Lindqvist",
        bio="Glazier by trade. Light is the only colour I ever needed.",
        hand=Style.STAINED_GLASS,
        style_name="Cathedral Glass",
        description="Leaded glass with the afternoon behind it: deep colours, dark seams.",
        price_tokens=18,
        license_type="commercial",
        tags=("glass", "mosaic", "deep colours"),
    ),
    Artist(
        email=NOOR,
        artist_name="Noor Haddad",
        bio="Printmaker. I cut one block a week and print it until it breaks.",
        hand=Style.WOODCUT,
        style_name="Red Block",
        description="Woodcuts in one dark red on warm paper: every tone is a row of cuts.",
        price_tokens=15,
        license_type="commercial",
        tags=("woodcut", "print", "red"),
    ),
)
NEWCOMER = Artist(
    email=SORA,
    artist_name="Sora Yun",
    bio="여행지에서 갈색 잉크로 그립니다. 색은 집에 두고 다녀요.",
    hand=Style.SEPIA_INK,
    style_name="Travel Diary",
    description="Brown ink on old paper, drawn on the way: thin lines, a little grain."
    " 여행 공책에 그린 잉크 그림입니다.",
    price_tokens=14,
    license_type="personal",
    tags=("ink", "sepia", "line"),
)
BUYERS = (
    Buyer(JUN, "벽이 하얘서 그림을 삽니다.", ("basic_100", "basic_100")),
    Buyer(ADA, "Children's books, mostly unfinished.", ("standard_500",)),
    Buyer(HANA, "작은 책방을 합니다. 그림은 책 사이에 둬요.", ("standard_500",)),
    Buyer(LUCA, "I print things and hang them too high.", ("basic_100", "basic_100")),
)
# Prompts, the best first, with an English and a Korean title.
SCENES = (
    ("flower, meadow, day, pink", "Taller than the grass", "풀보다 키 큰 꽃"),
    ("boat, beach, sunset, red", "Low tide, red hull", "썰물과 붉은 배"),
    ("house, meadow, day", "Where we spent the summer", "여름을 보낸 집"),
    ("sun, hills, day", "Again tomorrow", "내일 다시"),
    ("mountain, snow, day", "First snow, no footprints", "발자국 없는 첫눈"),
    ("fish, sea, day, orange", "It looked back", "나를 돌아본 물고기"),
    ("tree, hills, day", "The tree that stayed", "남아 있던 나무"),
    ("mushroom, forest, day, red", "Do not eat this one", "이건 먹지 마세요"),
)
KEPT_PRIVATE = frozenset({6})  # of the Korean ones
REMARKS = (
    Remark(
        "Taller than the grass",
        HANA,
        "이 색, 책 표지로 쓰고 싶어요.",
        (
            (LUCA, "Ask for the commercial licence, it is worth it."),
            (MINA, "꽃잎 가장자리의 물 자국까지 살아 있네요. 고맙습니다!"),
        ),
    ),
    Remark("풀보다 키 큰 꽃", MINA, "유리로 핀 꽃이네요. 부럽습니다!"),
    Remark("Low tide, red hull", JUN, "돛에 빛이 닿는 곳이 좋아요."),
    Remark("썰물과 붉은 배", ADA, "I cannot read the title, but I know the feeling."),
    Remark(
        "Where we spent the summer",
        ADA,
        "We had that exact roof. Now I miss a house I never lived in.",
        ((NOOR, "Thank you. The roof took the longest to learn."),),
    ),
    Remark(
        "여름을 보낸 집",
        NOOR,
        "The proportions are right, and that is the highest praise I have.",
        ((JUN, "판화가가 그렇게 말하니 자랑해야겠어요."),),
    ),
    Remark("Again tomorrow", HANA, "아이가 이 해를 꼭 갖고 싶대요.", ((ADA, "So do I."),)),
    Remark("발자국 없는 첫눈", LUCA, "Printed it at 40 cm. It holds."),
    Remark("First snow, no footprints", LUCA, "Cold in the best way."),
    Remark("It looked back", MINA, "My fish never turned out this alive."),
    Remark("나를 돌아본 물고기", HANA, "책방 창가에 걸었어요. 손님들이 물어봐요."),
    Remark("Do not eat this one", JUN, "벌써 배가 아픈 것 같아요.", ((LUCA, "Too late."),)),
    Remark("The tree that stayed", LUCA, "This is just a filter. Pay nobody for it."),
)
FOLLOWS = (
    (JUN, MINA), (JUN, THEO), (ADA, THEO), (ADA, NOOR), (HANA, MINA), (HANA, NOOR),
    (LUCA, MINA), (LUCA, THEO), (LUCA, NOOR), (MINA, NOOR), (THEO, MINA), (NOOR, THEO),
    (HANA, SORA), (ADA, SORA), (SORA, MINA), (SORA, THEO),
)  # fmt: skip


def _orders() -> tuple[Order, ...]:
    """Order every scene for an English and a Korean buyer, each in another style.

    The best are ordered last: the newest are first in the gallery.
    """
    names = [artist.style_name for artist in (*ARTISTS, NEWCOMER)]
    orders = []
    for index, (words, english, korean) in enumerate(SCENES):
        for turn, (pair, title) in enumerate((((ADA, LUCA), english), ((JUN, HANA), korean))):
            orders.append(
                Order(
                    buyer=pair[index % 2],
                    style_name=names[(index + turn) % len(names)],
                    prompt=tuple(words.split(", ")),
                    ratio="1:1",
                    title=title,
                    is_public=turn == 0 or index not in KEPT_PRIVATE,
                )
            )
    return tuple(reversed(orders))


CAST = Cast(
    artists=(*ARTISTS, NEWCOMER),
    buyers=BUYERS,
    orders=_orders(),
    remarks=REMARKS,
    follows=FOLLOWS,
    reported="This is just a filter. Pay nobody for it.",
)
# The part that is in the fixture.
SETTLED = replace(
    CAST,
    artists=ARTISTS,
    orders=tuple(order for order in CAST.orders if order.style_name != NEWCOMER.style_name),
)


def introductions() -> list[tuple[str, str, str]]:
    """Return all accounts as (name, e-mail address, role), for the terminal.

    The name is that of the sign-in sandbox, by which the site calls them too.
    """
    names = {person.email: person.name for person in PEOPLE}
    roles = {
        each.email: f"artist of “{each.style_name}”, {each.price_tokens} tokens a picture"
        for each in CAST.artists
    }
    roles |= {each.email: "buyer with tokens left to spend" for each in CAST.buyers}
    roles[ADMIN] = "administrator: /admin, and all that others may do"
    return [(names[email], email, role) for email, role in roles.items()]
