"""How the family of a peer is told, and how it wants things said."""

import pytest

from opencloudmesh.protocol.dialects import DIALECTS, OTHER_FORM, api_version_for, dialect_of
from opencloudmesh.protocol.discovery import Discovery

BASE = "https://peer.example"


def family(end_point="/ocm", protocols=None, folder=None, **document):
    """The family of a peer; resource types as most write them unless they are given."""
    types = [{"name": "file", "shareTypes": ["user"], "protocols": protocols or {"webdav": "/dav/"}}]
    if folder:
        types.append({"name": "folder", "shareTypes": ["user"], "protocols": folder})
    document = {"enabled": True, "endPoint": BASE + end_point, "resourceTypes": types} | document
    return dialect_of(Discovery.read(document, BASE)).family


NEXTCLOUD = {"webdav": "/public.php/webdav/"}
REVA = {"webdav": "/remote.php/dav/ocm", "webdav-receive": {"uri": "absolute"}}


@pytest.mark.parametrize(
    ("told", "peer"),
    [
        ("nextcloud", {"apiVersion": "1.0-proposal1", "protocols": NEXTCLOUD}),
        ("nextcloud", {"apiVersion": "1.0-proposal1", "version": "1.1.0", "provider": "Nextcloud 34.0.1.2"}),
        ("nextcloud", {"apiVersion": "1.4.0", "provider": "nextcloud", "capabilities": ["http-sig"]}),
        ("seafile", {"apiVersion": "1.0-proposal1", "end_point": "/ocm-via-webdav/", "protocols": {"webdav": "dav"}}),
        ("reva", {"apiVersion": "1.3.0", "protocols": REVA, "folder": REVA, "capabilities": ["protocol-object"]}),
        ("opencloud", {"apiVersion": "1.2.0", "capabilities": ["invites", "webdav-uri", "protocol-object"]}),
        ("opencloud", {"apiVersion": "1.1", "capabilities": ["/invite-accepted"], "protocols": {"webdav": "/dav/ocm"}}),
        (
            "opencloud",
            {
                "apiVersion": "1.1.0",
                "capabilities": ["/invite-accepted"],
                "protocols": {"webdav": "/remote.php/dav/ocm"},
            },
        ),
        ("opencloudmesh-go", {"apiVersion": "1.4.0", "protocols": {"webdav-receive": {"uri": "relative"}}}),
        ("ocm-1.4", {"apiVersion": "1.4.0", "protocols": REVA}),
        ("ocm-1.4", {"apiVersion": "1.4.0", "protocols": {"webdav-receive": {"uri": "relative"}}, "folder": NEXTCLOUD}),
        ("ocm-1.4", {"apiVersion": "1.10"}),
        ("ocm-1.4", {"apiVersion": "2.0"}),
        ("ocm-1.1", {"apiVersion": "1.2.0", "capabilities": ["/protocol-object"]}),
        ("ocm-1.0", {"apiVersion": "1.0-proposal1"}),
        ("ocm-1.0", {"apiVersion": "1.2.0", "capabilities": ["/notifications"], "protocols": {"webdav": "/dav/ocm/"}}),
        ("ocm-1.0", {"apiVersion": "1.1.0", "capabilities": ["invites"]}),
        ("ocm-1.0", {}),
    ],
)
def test_a_family_is_told_from_what_discovery_shows(told, peer):
    assert family(**peer) == told


def test_owncloud_is_told_by_share_types_without_resource_types():
    document = {"enabled": True, "apiVersion": "1.0-proposal1", "endPoint": "/ocm"}
    share_types = [{"name": "file", "protocols": NEXTCLOUD}]
    assert dialect_of(Discovery.read(document | {"shareTypes": share_types}, BASE)).family == "owncloud"
    both = document | {"shareTypes": share_types, "resourceTypes": share_types}
    assert dialect_of(Discovery.read(both, BASE)).family == "nextcloud"


@pytest.mark.parametrize("version", ["", "1", "x.y", "1.4x.0", ".4", "1." + "4" * 5000, "9" * 5000 + ".0", "١.٤"])
def test_a_version_that_is_none_is_no_error(version):
    assert family(apiVersion=version) in ("ocm-1.0", "ocm-1.4")


@pytest.mark.parametrize("role", [None, "relative", {}, {"uri": 1}, ["relative"]])
def test_a_role_of_another_shape_is_no_sign(role):
    assert family(apiVersion="1.4.0", protocols={"webdav-receive": role}) == "ocm-1.4"


@pytest.mark.parametrize(
    ("name", "ours", "owner", "share_with"),
    [
        ("nextcloud", "https://ours.example", "", ""),
        ("nextcloud", "http://ours.example:8080", "http://", ""),
        ("owncloud", "https://ours.example", "https://", ""),
        ("owncloud", "http://ours.example:8080", "http://", ""),
        ("seafile", "https://ours.example", "", "https://"),
        ("reva", "http://ours.example", "", ""),
        ("opencloudmesh-go", "http://ours.example", "", ""),
        ("ocm-1.0", "http://ours.example", "http://", ""),
    ],
)
def test_addresses_carry_the_scheme_where_the_family_needs_it(name, ours, owner, share_with):
    encoding = DIALECTS[name].share_encoding(ours)
    assert (encoding.owner_prefix, encoding.share_with_prefix) == (owner, share_with)


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("bridge", {"nextcloud", "owncloud", "seafile", "ocm-1.0"}),
        ("multi-options", {"reva", "opencloud", "ocm-1.1"}),
        ("multi", {"opencloudmesh-go", "ocm-1.4"}),
    ],
)
def test_each_family_gets_the_form_that_it_takes(form, names):
    assert {name for name, dialect in DIALECTS.items() if dialect.encoding.protocol == form} == names


def test_what_only_some_families_take():
    # Nextcloud, ownCloud and opencloudmesh-go refuse folders; Nextcloud and Seafile look for the sender in sharedBy.
    no_folders = {"nextcloud", "owncloud", "seafile", "ocm-1.0", "opencloudmesh-go"}
    assert {name for name, dialect in DIALECTS.items() if not dialect.encoding.folders} == no_folders
    assert {"nextcloud", "seafile"} <= {name for name, dialect in DIALECTS.items() if dialect.encoding.shared_by}
    assert DIALECTS["opencloud"].encoding.uri_names == ("uri", "url")
    assert [name for name, dialect in DIALECTS.items() if not dialect.secret_in_notifications] == ["opencloudmesh-go"]
    assert [name for name, dialect in DIALECTS.items() if not dialect.absolute_uri] == ["opencloudmesh-go"]


def test_the_form_to_try_next_differs_and_only_guesses_have_one():
    assert OTHER_FORM.keys() == {name for name in DIALECTS if name.startswith("ocm-")}
    for name, other in OTHER_FORM.items():
        assert DIALECTS[name].encoding.protocol != DIALECTS[other].encoding.protocol


@pytest.mark.parametrize(
    ("user_agent", "version"),
    [
        ("Nextcloud Server Crawler", "1.0-proposal1"),
        ("Nextcloud-Server-Crawler/34.0.1", "1.0-proposal1"),
        ("ownCloud Server Crawler", "1.0-proposal1"),
        ("Mozilla/5.0 (Nextcloud Server Crawler)", "1.4.0"),
        ("Go-http-client/2.0", "1.4.0"),
        ("", "1.4.0"),
    ],
)
def test_the_version_that_we_show_is_one_that_the_reader_takes(user_agent, version):
    assert api_version_for(user_agent) == version
