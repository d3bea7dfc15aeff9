"""What D7 Networks hears."""

from delivrd.providers import d7networks
from delivrd.providers.base import Request

OLDER = Request("POST", body=b"id=1&message_status=DELIVRD&level=2")
NEWER = Request("POST", body=b"msg_id=1&status=delivered")


def test_the_older_api_hears_what_jasmin_waits_for_and_the_newer_a_200():
    for request in (OLDER, NEWER):
        answer = d7networks.answer(request, d7networks.read(request))
        assert (answer.status, answer.body) == (200, b"ACK/Jasmin")
