"""User ids become pseudonyms: a keyed hash whose key stays in the store, so a workbook's ids cannot be told from them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiyam.store import Store
from aiyam.store.columns import get_fact

SALT_FACT = "pseudonym_salt"


class Pseudonyms:
    """Maps ids to pseudonyms; the same store gives the same id the same pseudonym for ever."""

    def __init__(self, salt: str) -> None:
        self.salt = salt

    @classmethod
    def of_store(cls, store: Store) -> Pseudonyms:
        """Use the store's salt; a store without one gets a new one, to be written as fact ``SALT_FACT`` with the import."""
        return cls(get_fact(store, SALT_FACT) or secrets.token_hex(16))

    def of(self, user_id: str) -> str:
        """The pseudonym of one id.

        >>> Pseudonyms("salt").of("12") == Pseudonyms("salt").of("12") != Pseudonyms("other").of("12")
        True
        """
        return "u-" + hmac.new(self.salt.encode(), user_id.encode(), hashlib.sha256).hexdigest()[:16]
