"""Converts XML callbacks to the fields that the same vendor's JSON would have.

Names are in lower case and without namespaces, since vendors write them either way; attributes
become fields like elements. Document types and entities are refused.
"""

import json
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import ElementTree

from delivrd.providers.base import Request, Unreadable

MAX_DEPTH = 20
"""Levels of elements that are read."""
_BEFORE = b"\xef\xbb\xbf \t\r\n"


def as_json(request: Request) -> Request:
    """The request with its XML body as JSON; any other request as it is.

    Raises:
        Unreadable: the body begins like XML, but is not acceptable XML.
    """
    if not request.body[:64].lstrip(_BEFORE).startswith(b"<"):
        return request
    body = json.dumps(fields(request.body.lstrip(_BEFORE))).encode()
    return msgspec.structs.replace(request, body=body, headers=())


def fields(document: bytes | str) -> dict[str, Any]:
    """The root's name and content; elements of the same name become a list.

    Raises:
        Unreadable: it is not XML, or has a document type.
    """
    root = parsed(document)
    return {_name(root.tag): _value(root)}


def parsed(document: bytes | str) -> Element:
    """The root of a document; what is nested too deeply is left out, not what stands beside it.

    Raises:
        Unreadable: it is not XML, or has a document type.
    """
    try:
        root: Element = ElementTree.fromstring(document, forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"the body is not XML: {str(error)[:200]}") from None
    level, depth = [root], 1
    while level and depth <= MAX_DEPTH:
        level, depth = [child for element in level for child in element], depth + 1
    for element in level:
        element.clear()
    return root


def _value(element: Element) -> Any:
    if not len(element) and (element.text or not element.attrib):
        return element.text or ""
    held: dict[str, Any] = {_name(name): value for name, value in element.attrib.items()}
    for child in element:
        name, value = _name(child.tag), _value(child)
        earlier = held.get(name)
        if isinstance(earlier, list):
            earlier.append(value)
        else:
            held[name] = value if earlier is None else [earlier, value]
    return held


def _name(tag: str) -> str:
    return tag.rpartition("}")[2].lower()
