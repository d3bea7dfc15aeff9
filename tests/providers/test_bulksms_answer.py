"""What BulkSMS hears."""

from delivrd.providers import bulksms, provider
from delivrd.providers.base import Request


def test_the_eapi_hears_at_least_one_character():
    request = Request("GET", query=b"msisdn=44123456789&batch_id=1&status=11")
    answer = provider("bulksms").answer(request, bulksms.read(request))
    assert (answer.status, answer.body) == (200, b"OK")
