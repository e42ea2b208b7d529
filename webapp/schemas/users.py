"""Answers about people, as everybody sees them."""

from pydantic import Field

from webapp.domain.models.account import Role
from webapp.schemas.fields import Answer, Count, Time
from webapp.schemas.generations import ArtistOfImage, Person


class ArtistOfPerson(ArtistOfImage):
    """The artist side of a person."""

    follower_count: Count


class PersonNumbers(Answer):
    """What a person made, and how many they follow."""

    total_generations: Count
    public_generations: Count
    following_count: Count


class PersonView(Person):
    """GET /users/:id."""

    bio: str = Field(examples=["I draw harbors."])
    role: Role
    created_at: Time
    is_following: bool | None = Field(examples=[False])
    artist: ArtistOfPerson | None
    stats: PersonNumbers
