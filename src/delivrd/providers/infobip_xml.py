"""Infobip's reports in XML, in the fields that the same report has in JSON.

Element names are those of the JSON, so they keep their case here. Those of the API before the first
version (``DeliveryReport``) have names of their own. Sources: public handlers of both, and their
tests; for reports that are each a ``results``, the documentation of the platform's first version.
"""

from typing import Any
from xml.etree.ElementTree import Element

from delivrd.providers import fields as f
from delivrd.providers import xml_fields
from delivrd.providers.base import Request, Unreadable


def told(request: Request) -> f.Fields | list[Any] | None:
    """The fields of a request, whose body may be XML.

    Raises:
        Unreadable: it holds no fields, or XML that may not be read.
    """
    if not request.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return f.of(request)
    root = _unfolded(xml_fields.parsed(request.body.lstrip(b"\xef\xbb\xbf \t\r\n")))
    if isinstance(root, list):
        return {"results": root}
    if isinstance(root, dict):
        return root
    raise Unreadable("there is no report in the XML")


def _unfolded(element: Element) -> Any:
    """An element as JSON would have it: ``results`` a list, what holds others an object."""
    if _name(element) == "results":
        return _results(element)
    if _name(element) == "DeliveryReport":
        return [_old_report(child.attrib) for child in element]
    return _object(element) if len(element) else element.text


def _object(element: Element) -> f.Fields:
    told: dict[str, Any] = {}
    for child in element:
        if _name(child) == "results":
            told.setdefault("results", []).extend(_results(child))
        else:
            told[_name(child)] = _unfolded(child)
    return told


def _results(element: Element) -> list[Any]:
    """The reports of one ``results``: a list of one kind of element, or a report itself."""
    kinds = {_name(child) for child in element}
    if len(kinds) > 1:
        return [_object(element)]
    if kinds == {"results"}:
        return list(_object(element)["results"])
    return [_unfolded(child) for child in element]


def _old_report(told: f.Fields) -> f.Fields:
    """One ``message`` of the old API by the names of today."""
    return {
        "messageId": told.get("id"),
        "status": {"name": told.get("status")},
        "error": {"id": told.get("gsmerror")},
        "price": {"pricePerMessage": told.get("price")},
        "doneAt": told.get("donedate"),
    }


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]  # without its namespace
