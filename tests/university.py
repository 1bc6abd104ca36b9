"""An OpenID provider: a real one, which runs here. It still uses what its library will give up."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from oidc_provider_mock import User, run_server_in_thread

OLD = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::authlib.deprecate.AuthlibDeprecationWarning")


@contextmanager
def provider(people: Sequence[User]) -> Iterator[str]:
    """Its URL, as long as it runs; it vouches for these people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with run_server_in_thread(user_claims=people, require_nonce=True) as server:
            yield f"http://localhost:{server.server_port}"
