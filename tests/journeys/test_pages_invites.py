"""The pages of invites and contacts."""

from __future__ import annotations

import re


async def test_people_become_contacts_by_an_invite(one, two, einstein, marie):
    page = await marie.submit("/invites", note="for Albert")
    (link,) = re.findall(r"readonly[^>]*>([^<]+)</textarea>", page.html)
    page = await einstein.submit("/invites/accept", invite=f"  {link}\r\n")
    assert "Marie Curie" in page.text
    assert one.address("einstein") in (await marie.open("/contacts")).text
    assert "Accepted" in (await marie.open("/invites")).text
    one.put("einstein", "note.txt", b"")
    assert f'<option value="{two.address("marie")}">' in (await einstein.open("/share/note.txt")).html
    await einstein.submit(page.form("/contacts/.*/remove"))
    assert one.stored()["contacts"] == []


async def test_invites_are_revoked_and_nonsense_is_told(einstein, one):
    page = await einstein.submit("/invites", note="")
    assert "None yet." in (await einstein.submit(page.form("/invites/.*/revoke"))).text
    page = await einstein.submit("/invites/accept", status=400, invite="nonsense")
    assert "nonsense</textarea>" in page.html
    assert one.stored()["contacts"] == []


async def test_contacts_are_added_by_hand(einstein):
    assert "marie@two.example" in (await einstein.submit("/contacts", address="marie@Two.Example", name="Marie")).text
    assert 'aria-invalid="true"' in (await einstein.submit("/contacts", status=400, address="marie", name="M")).html
