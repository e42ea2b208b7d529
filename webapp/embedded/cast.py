"""Who lives in the world of `make up`: three artists, their buyers, what they order and say.

Everybody stands in the sign-in sandbox's list, so that a visitor can be any of them.
"""

from dataclasses import dataclass

from gpu.pretrain.styles import Style

MINA, THEO, NOOR = (f"{name}.artist@example.com" for name in ("mina", "theo", "noor"))
JUN, ADA, HANA, LUCA = (f"{name}.buyer@example.com" for name in ("jun", "ada", "hana", "luca"))
ADMIN = "admin@example.com"


@dataclass(frozen=True)
class Artist:
    """An artist with one style, drawn by the generator in a hand the base model never saw."""

    email: str
    artist_name: str
    bio: str
    hand: Style
    style_name: str
    description: str
    price_tokens: int
    license_type: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Buyer:
    """A buyer and the packages of tokens they pay for."""

    email: str
    bio: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """One image; its title names it, so that nobody orders it twice."""

    buyer: str
    style_name: str
    prompt: tuple[str, ...]
    ratio: str
    title: str
    is_public: bool


@dataclass(frozen=True)
class Remark:
    """A comment below the image of a title, with replies to it as (who, text)."""

    title: str
    who: str
    text: str
    replies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Cast:
    """Everybody, and all that they do."""

    artists: tuple[Artist, ...]
    buyers: tuple[Buyer, ...]
    orders: tuple[Order, ...]
    remarks: tuple[Remark, ...]
    follows: tuple[tuple[str, str], ...]
    reported: str  # the text of the remark that somebody reports


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
        bio="Architect. I draw the things nobody asked me to build.",
        hand=Style.BLUEPRINT,
        style_name="Unbuilt",
        description="Blueprints of places that were never built, white lines on Prussian blue.",
        price_tokens=15,
        license_type="commercial",
        tags=("blueprint", "line", "blue"),
    ),
)
BUYERS = (
    Buyer(JUN, "벽이 하얘서 그림을 삽니다.", ("basic_100", "basic_100")),
    Buyer(ADA, "Children's books, mostly unfinished.", ("standard_500",)),
    Buyer(HANA, "작은 책방을 합니다. 그림은 책 사이에 둬요.", ("standard_500",)),
    Buyer(LUCA, "I print things and hang them too high.", ("basic_100", "basic_100")),
)
# What is drawn, its shape, and what two people who never met call it.
SCENES = (
    ("castle, hills, sunset", "2:2", "The last light on the keep", "성벽에 남은 마지막 빛"),
    ("boat, sea, night, moon", "1:1", "Nobody rows at this hour", "아무도 노 젓지 않는 시간"),
    ("house, meadow, day", "1:1", "Where we spent the summer", "여름을 보낸 집"),
    ("mountain, snow, day", "1:1", "First snow, no footprints", "발자국 없는 첫눈"),
    ("balloon, hills, day, red", "1:2", "Up before breakfast", "아침 먹기 전에 하늘로"),
    ("flower, meadow, day, pink", "1:1", "Taller than the grass", "풀보다 키 큰 꽃"),
    ("fish, sea, orange", "1:1", "It looked back", "나를 돌아본 물고기"),
    ("bird, beach, sunset", "1:1", "One more lap of the bay", "바다를 한 바퀴 더"),
    ("tree, hills, sunset", "1:2", "The tree that stayed", "남아 있던 나무"),
    ("car, city, night, yellow", "2:2", "Last taxi home", "집으로 가는 마지막 택시"),
    ("mushroom, forest, day, red", "1:1", "Do not eat this one", "이건 먹지 마세요"),
    ("butterfly, meadow, blue", "1:1", "Two minutes of blue", "파랑의 이 분"),
    ("portrait, room", "1:2", "Someone's grandmother, young", "젊은 날의 할머니"),
    ("star, desert, night", "1:1", "The desert counts them", "사막이 세는 별"),
    ("cloud, sea, day", "1:1", "A cloud with plans", "계획이 있는 구름"),
    ("house, snow, night", "1:1", "Light in the kitchen", "부엌에 켜진 불"),
    ("castle, forest, day", "1:1", "The map said nothing", "지도에 없는 성"),
    ("boat, beach, sunset, red", "1:1", "Low tide, red hull", "썰물과 붉은 배"),
    ("woman, city, sunset", "1:2", "Waiting for the 7:40", "7시 40분을 기다리며"),
    ("mountain, meadow, sunset", "2:2", "Purple hour", "보랏빛 시간"),
    ("moon, sea, night", "1:1", "The tide keeps the time", "달과 물때"),
    ("bird, forest, day, yellow", "1:1", "Small, loud, yellow", "작고 시끄럽고 노란"),
    ("balloon, city, sunset, orange", "1:1", "Over the rooftops", "지붕들 위로"),
    ("tree, snow, day", "1:1", "It remembers leaves", "잎을 기억하는 나무"),
    ("flower, room, purple", "1:2", "Tuesday's flower", "화요일의 꽃"),
    ("house, desert, day, white", "1:1", "A door and a lot of sky", "문 하나와 큰 하늘"),
    ("fish, sea, turquoise", "1:1", "Deep, but not sad", "깊지만 슬프지 않은"),
    ("car, desert, day, red", "1:1", "Out of petrol, in good mood", "기름은 없어도 기분은 좋은"),
    ("sun, hills, sunset", "1:1", "Again tomorrow", "내일 다시"),
    ("castle, snow, night", "1:2", "The winter court", "겨울 궁정"),
)
KEPT_PRIVATE = frozenset({4, 8, 11, 12, 14, 17, 18, 21, 25, 27})  # of the Korean ones
REMARKS = (
    Remark(
        "The last light on the keep",
        HANA,
        "이 노을 색, 책 표지로 쓰고 싶어요.",
        ((LUCA, "Ask for the commercial licence, it is worth it."), (MINA, "빛이 참 따뜻하네요.")),
    ),
    Remark(
        "Where we spent the summer",
        ADA,
        "We had that exact roof. Now I miss a house I never lived in.",
        ((THEO, "Thank you. The roof took the longest to learn."),),
    ),
    Remark("Nobody rows at this hour", JUN, "달빛이 물에 닿는 곳이 좋아요."),
    Remark("Up before breakfast", HANA, "아이가 이 풍선을 꼭 타겠대요.", ((ADA, "So would I."),)),
    Remark("It looked back", MINA, "My fish never turned out this alive."),
    Remark("아무도 노 젓지 않는 시간", ADA, "I cannot read the title, but I know the feeling."),
    Remark(
        "여름을 보낸 집",
        NOOR,
        "The proportions are right, and that is the highest praise I have.",
        ((JUN, "건축가가 그렇게 말하니 자랑해야겠어요."),),
    ),
    Remark("발자국 없는 첫눈", LUCA, "Printed it at 40 cm. It holds."),
    Remark("풀보다 키 큰 꽃", MINA, "꽃잎 가장자리의 물 자국까지 살아 있네요. 고맙습니다!"),
    Remark("Do not eat this one", JUN, "벌써 배가 아픈 것 같아요.", ((LUCA, "Too late."),)),
    Remark("Last taxi home", HANA, "비 오는 날의 택시 같아요."),
    Remark("Light in the kitchen", THEO, "This is what the lead lines are for."),
    Remark("부엌에 켜진 불", ADA, "Somebody is waiting up. Lovely."),
    Remark("The map said nothing", LUCA, "This is just a filter. Pay nobody for it."),
    Remark("지도에 없는 성", NOOR, "I would have put the gate on the left. Beautiful anyway."),
    Remark("Purple hour", JUN, "이 시간에 산에 있어 본 사람만 아는 색이에요."),
    Remark("달과 물때", HANA, "책방 창가에 걸었어요. 손님들이 물어봐요."),
    Remark("Over the rooftops", NOOR, "Finally a city I would like to live in."),
    Remark("겨울 궁정", LUCA, "Cold in the best way."),
)
FOLLOWS = (
    (JUN, MINA), (JUN, THEO), (ADA, THEO), (ADA, NOOR), (HANA, MINA), (HANA, NOOR),
    (LUCA, MINA), (LUCA, THEO), (LUCA, NOOR), (MINA, NOOR), (THEO, MINA), (NOOR, THEO),
)  # fmt: skip


def _orders() -> tuple[Order, ...]:
    """Give every scene to one who speaks English and one who speaks Korean, in another style."""
    names = [artist.style_name for artist in ARTISTS]
    made = []
    for index, (words, ratio, english, korean) in enumerate(SCENES):
        for turn, (pair, title) in enumerate((((ADA, LUCA), english), ((JUN, HANA), korean))):
            made.append(
                Order(
                    buyer=pair[index % 2],
                    style_name=names[(index + turn) % len(names)],
                    prompt=tuple(words.split(", ")),
                    ratio=ratio,
                    title=title,
                    is_public=turn == 0 or index not in KEPT_PRIVATE,
                )
            )
    return tuple(made)


CAST = Cast(
    artists=ARTISTS,
    buyers=BUYERS,
    orders=_orders(),
    remarks=REMARKS,
    follows=FOLLOWS,
    reported="This is just a filter. Pay nobody for it.",
)
