"""Places named in an utterance, as the gazetteer of Korea's places knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from aiyam.korean.places import PlaceMatch, find_places


@lru_cache(maxsize=4096)
def place_hits(text: str) -> tuple[PlaceMatch, ...]:
    """Find districts, 동, stations and cities in a normalised text, in reading order."""
    return tuple(find_places(text))


_CUE = r"(?=\s?(?:근처|주변|부근|근방|쪽|앞|옆|입구|맞은편|건너편|인근|에서|에\s|에$|에도|맛집|인데|이야|사는|사거든|\d번|뭐\s?있|식당|밥집)|(?<=거리)$|(?<=[가-힣]{2}역)(?=\s|$)|(?<=[가-힣]시장)$)"
_LIKE_A_PLACE = re.compile(
    r"(?<![가-힣])(?P<name>[가-힣]{1,6}(?:역|사거리|삼거리|오거리|시장|먹자골목|해수욕장|터미널|대학교|초등학교|중학교|고등학교|복지관|복지회관|도서관|아파트|상가|캠퍼스|광장|과학고|외고|공원|월드|랜드|파크|필드|스퀘어|타워|백화점|아울렛|박물관|미술관|과학관|체육관|야구장|경기장|유원지|수목원|동물원|식물원|호수|계곡|해변)|[가-힣]{2,3}[동읍면])"
    + _CUE
)
_NO_PLACE = re.compile(
    r".*(?:[지구광무번면통전현미영공]역|운동|활동|행동|아동|감동|이동|작동|출동|변동|노동|공동|진동|충동|소동|덮동|규동|우동|츠동|텐동|카동|라면|[쫄냉막칼짬장]면|[가-힣](?:하|되|으|이|가|오|으라)면|측면|화면|장면|반면|정면|표면|방면|고요)"
    r"|(?:지하철|전철|기차|전통|재래|야|동네|우리\s?동네|수산|농산물|놀이|근린|어린이|물놀이|테마|워터|키즈|시외버스|버스|가든|현대|국립|시립)(?:시장|역|공원|파크|터미널|박물관|미술관)|(?:우리|저희|근처|동네|이|그|저|내|어느|무슨|옆|같은|가까운|큰|작은|저기|여기)[가-힣]+|초등학교|중학교|고등학교|대학교"
)


def place_like(text: str) -> Iterator[tuple[int, int]]:
    """Yield where a word is built and used like a place the gazetteer does not know, as (start, end).

    >>> list(place_like("은마사거리 근처 밥집")), list(place_like("우동 맛집이랑 체육활동에서"))
    ([(0, 5)], [])
    """
    for match in _LIKE_A_PLACE.finditer(text):
        if not _NO_PLACE.fullmatch(match["name"]):
            yield match.span("name")


def full_name(surface: str) -> str:
    """Return the full name of a place written short, or the surface form where it is not known.

    >>> full_name("서울대입구"), full_name("우리집")
    ('서울대입구역', '우리집')
    """
    hits = place_hits(surface.strip())
    return hits[0].name if len(hits) == 1 and hits[0].end - hits[0].start == len(surface.strip()) else surface
