"""The names of Infobip's errors, which some reports pass on without their ids."""

import pytest

from delivrd.providers import code_tables, infobip
from delivrd.web.pages.provider_tables import meaning


def test_every_name_stands_for_a_code_and_every_code_has_a_name():
    codes = set(code_tables.named("infobip_names").values())
    assert codes == set(infobip.ERRORS) - {"0"}


def test_no_two_names_differ_by_case_or_underscores_alone():
    assert len(infobip.ERROR_NAMES) == len(code_tables.named("infobip_names"))


@pytest.mark.parametrize("name", ["EC_ABSENT_SUBSCRIBER", "ec_absentsubscriber"])
def test_the_pages_explain_an_error_by_its_name_as_by_its_code(name):
    assert meaning("infobip", name) == meaning("infobip", "27") != ""
