"""schema.org data of pages in JSON-LD, by which image search shows a picture as licensable.

https://developers.google.com/search/docs/appearance/structured-data/image-license-metadata
"""

from webapp.domain.operator import Operator
from webapp.domain.queries.generation_views import GenerationView
from webapp.pages.sitemap import absolute

# The digital source type of IPTC for pictures of a trained model.
AI_MADE = "https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def image_object(image: GenerationView) -> dict[str, object] | None:
    """Return the ImageObject of a public picture with its licence; None for any other."""
    if not image.is_public or image.license is None:
        return None
    style, artist = image.style, image.style.artist
    return {
        "@context": "https://schema.org",
        "@type": "ImageObject",
        "contentUrl": absolute(f"/api/v1/generations/{image.id}/image?variant=preview"),
        "url": absolute(f"/g/{image.id}"),
        "width": image.width,
        "height": image.height,
        "license": image.license.url,
        "acquireLicensePage": absolute(f"/styles/{style.id}"),
        "creditText": f"{artist.artist_name} · {style.name} · Style License",
        "creator": {
            "@type": "Person",
            "name": artist.artist_name,
            "url": absolute(f"/users/{artist.id}"),
        },
        "digitalSourceType": AI_MADE,
    }


def organization(operator: Operator) -> dict[str, object] | None:
    """Return the Organization that runs this site; None if its name is not stated."""
    if operator.name is None:
        return None
    stated: dict[str, object] = {
        "email": operator.email,
        "telephone": operator.phone,
        "address": operator.address,
        "taxID": operator.business_number,
    }
    organization: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Organization",
        "name": operator.name,
        "url": absolute("/"),
    }
    return organization | {name: value for name, value in stated.items() if value is not None}
