"""Mail is handed over safely or not at all, and every no is understood."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from tests.client.certificates import authority, server_context
from tests.mailbox import mailbox

from opencloudmesh.client import smtp
from opencloudmesh.protocol.errors import Refused, Unavailable

SECRET = "pa:ss word"


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path)


@pytest.fixture
def tls(tmp_path, ca):
    return server_context(tmp_path, ca, "localhost", "127.0.0.1")


async def hand_over(box, *, host="127.0.0.1", tls=False, login=("", ""), ca=None):
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "cloud@one.example", "marie@two.example", "é"
    message.set_content("line\n.\nélan\n", cte="quoted-printable")
    user, password = login
    await smtp.send(
        message, host=host, port=box.port, tls=tls, user=user, password=password, ca_file=str(ca.file) if ca else None
    )


async def test_mail_arrives_as_it_was_made():
    async with mailbox() as box:
        await hand_over(box)
    assert box.recipients == ["marie@two.example"]
    (mail,) = box.mails
    assert (mail["Subject"], mail["From"], mail.get_content()) == ("é", "cloud@one.example", "line\n.\nélan\n")
    assert "ehlo one.example" in box.heard


async def test_by_starttls_no_word_but_the_greeting_is_in_clear(tls, ca):
    async with mailbox(starttls=tls, login=f"einstein:{SECRET}") as box:
        await hand_over(box, login=("einstein", SECRET), ca=ca)
    assert len(box.mails) == 1
    assert [line.split()[0].upper() for line in box.in_clear] == ["EHLO", "STARTTLS"]


async def test_tls_from_the_first_byte(tls, ca):
    async with mailbox(tls=tls, login=f"einstein:{SECRET}") as box:
        await hand_over(box, tls=True, login=("einstein", SECRET), ca=ca)
    assert (len(box.mails), box.in_clear) == (1, [])


@pytest.mark.parametrize("way", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["authority", "name", "expired"])
async def test_a_certificate_that_does_not_hold_gets_neither_mail_nor_password(tmp_path, ca, way, wrong):
    name = "other.example" if wrong == "name" else "127.0.0.1"
    context = server_context(tmp_path, ca, name, expired=wrong == "expired")
    async with mailbox(**{way: context}, login=f"einstein:{SECRET}") as box:
        with pytest.raises(Unavailable) as refused:
            await hand_over(box, tls=way == "tls", login=("einstein", SECRET), ca=None if wrong == "authority" else ca)
    assert (box.mails, box.recipients) == ([], [])
    assert not [line for line in box.heard if line.startswith(("AUTH", "MAIL"))]
    assert SECRET not in f"{refused.value.message} {refused.value.detail}"


async def test_elsewhere_mail_goes_by_tls_or_not_at_all():
    async with mailbox(host="127.0.0.2", login=f"einstein:{SECRET}") as box:  # not by a name of this machine
        with pytest.raises(Unavailable):
            await hand_over(box, host="127.0.0.2", login=("einstein", SECRET))
    assert [line.split()[0].upper() for line in box.heard] == ["EHLO"]
    assert box.mails == []


async def test_a_wrong_password_is_the_operators_affair_and_told_without_it():
    async with mailbox(login="einstein:right") as box:
        with pytest.raises(Unavailable) as refused:
            await hand_over(box, login=("einstein", SECRET))
    assert "does not let this cloud in (535)" in refused.value.message
    assert SECRET not in f"{refused.value.message} {refused.value.detail}"
    assert box.mails == []


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(("code", "error"), [("550 No such user.\x07", Refused), ("451 Later", Unavailable)])
async def test_a_no_is_for_ever_or_for_now(verb, code, error):
    async with mailbox(answers={verb: code}) as box:
        with pytest.raises(error) as refused:
            await hand_over(box)
    reason = "refused (550): No such user." if error is Refused else "refused (451): Later."
    assert refused.value.message == f"The mail server {reason}"


async def test_a_server_that_is_not_there_is_for_now():
    async with mailbox() as box:
        pass
    with pytest.raises(Unavailable):
        await hand_over(box)
