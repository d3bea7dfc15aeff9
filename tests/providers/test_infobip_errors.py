"""The names of Infobip's errors, which some reports pass on without their ids."""

from delivrd.providers import code_tables, infobip


def test_every_name_stands_for_a_code_and_every_code_has_a_name():
    codes = set(code_tables.named("infobip_names").values())
    assert codes == set(infobip.ERRORS) - {"0"}


def test_no_two_names_differ_by_case_or_underscores_alone():
    assert len(infobip.ERROR_NAMES) == len(code_tables.named("infobip_names"))
