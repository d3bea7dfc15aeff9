"""Reads `delivrd.toml` and the environment into a :class:`delivrd.config.Config`.

The file becomes a tree of plain values, which environment variables override. Then each table is
validated by its model, and pydantic's errors are explained in terms of the file.
"""

import difflib
import json
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from delivrd.config import Config, ConfigError, Problem, Source
from delivrd.config_endpoints import EndpointSettings
from delivrd.core.hints import hint_of
from delivrd.providers import UnknownProvider
from delivrd.providers import provider as find_provider
from delivrd.providers.base import AccountSettings

PREFIX = "DELIVRD_"
NOT_SETTINGS = ("DELIVRD_CONFIG", "DELIVRD_URL", "DELIVRD_KEY", "DELIVRD_KEY_FILE")
"""Variables that are read elsewhere: where the settings are, and the command line's client."""
INJECTED = re.compile(r"DELIVRD_(SERVICE_(HOST|PORT)(_.*)?|PORT_\d+_(TCP|UDP).*)$")
"""What Kubernetes sets in every pod beside a service named `delivrd`."""

Path_ = tuple[str, ...]
M = TypeVar("M", bound=BaseModel)


class Origin(NamedTuple):
    """Where a value stands: its source, and how a person would name the place."""

    source: Source
    place: str


class Tree:
    """Plain values by path, each with its origin."""

    def __init__(self, values: dict[str, Any], file: str, text: str) -> None:
        self.values = values
        self.file = file
        self.origins: dict[Path_, Origin] = {}
        for path in _paths(values):
            place = _line(text, file, path)
            self.origins[path] = Origin(Source("file", file), place)

    def put(self, path: Path_, value: str, variable: str) -> None:
        table = self.values
        for position, part in enumerate(path[:-1]):
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                key = ".".join(path[: position + 1])
                raise ConfigError(Problem(variable, "environment", f"{key} is not a table"))
        table[path[-1]] = value
        self.origins[path] = Origin(Source("env", variable), "environment")

    def origin(self, path: Path_) -> Origin:
        """The origin of the value at the path, or of the closest table around it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]]
        inside = (o for p, o in self.origins.items() if p[: len(path)] == path)
        return next(inside, Origin(Source("file", self.file), self.file))

    def sources(self) -> dict[str, Source]:
        return {".".join(path): origin.source for path, origin in self.origins.items()}

    def placed(self, problem: Problem) -> Problem:
        """The problem with its place, and as key the variable that set it, if one did."""
        origin = self.origin(tuple(problem.key.split(".")))
        key = origin.source.name if origin.source.kind == "env" else problem.key
        return problem._replace(key=key, where=origin.place)


def read(path: Path | None, environ: Mapping[str, str]) -> tuple[Config, Tree]:
    """The settings, each value validated, and the tree that knows where each was set.

    Raises:
        ConfigError: lists every problem found.
    """
    tree = _read_file(path, environ)
    _overlay(tree, environ)
    problems: list[Problem] = []
    accounts = _accounts(tree, problems)
    endpoints = _endpoints(tree, problems)
    values = {**tree.values, "accounts": accounts, "endpoints": endpoints}
    config = _build(Config, values, (), tree, problems)
    if problems or config is None:
        raise ConfigError(*problems)
    return config, tree


def _read_file(path: Path | None, environ: Mapping[str, str]) -> Tree:
    named = path or environ.get("DELIVRD_CONFIG") or None
    file = Path(named or Config.FILE)
    try:
        text = file.read_text(encoding="utf-8-sig")
        return Tree(tomllib.loads(text), str(file), text)
    except FileNotFoundError:
        if named is None:
            return Tree({}, str(file), "")
        raise ConfigError(
            Problem(
                "--config",
                str(file),
                "no such file",
                f"Create one with `delivrd init --config {shlex.quote(str(file))}`.",
            )
        ) from None
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).removesuffix(")").partition(" (at ")
        hint = "Text must be in quotes, names of tables in [brackets]."
        raise ConfigError(Problem("TOML", f"{file}, {where}", what, hint)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            Problem("--config", str(file), f"cannot be read: {_why_unreadable(error)}")
        ) from None


def _why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "no access") if isinstance(error, OSError) else "it is not UTF-8"


# The environment


def _overlay(tree: Tree, environ: Mapping[str, str]) -> None:
    variables = {k: v for k, v in environ.items() if k.startswith(PREFIX) and _is_setting(k, v)}
    # The provider first: it decides which settings of an account have names that end in _file.
    for variable in sorted(variables, key=lambda name: (not name.endswith("__PROVIDER"), name)):
        value = variables[variable]
        path = _path(tree, variable)
        if path[-1].endswith("_file") and not _has_field(tree, path):
            plain = variable.removesuffix("_FILE")
            if plain in variables:
                raise ConfigError(
                    Problem(variable, "environment", f"{plain} is set too", "Set one of the two.")
                )
            path = (*path[:-1], path[-1].removesuffix("_file"))
            if _has_field(tree, path):
                value = _content(variable, value)
            else:
                path = _path(tree, variable)
        tree.put(path, value, variable)


def _is_setting(variable: str, value: str) -> bool:
    if variable in NOT_SETTINGS or INJECTED.match(variable):
        return False
    return not (variable == "DELIVRD_PORT" and "://" in value)


def _path(tree: Tree, variable: str) -> Path_:
    path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
    named = "endpoints" if path[0] == "endpoints" else "accounts"
    if len(path) > 1 and path[0] in ("accounts", "sending", "endpoints"):
        at = 2 if path[0] == "sending" else 1
        for name in _table(tree.values.get(named)):
            # Variables cannot contain a dash: MY_SHOP may mean the account my-shop.
            if path[at : at + 1] == (name.replace("-", "_"),):
                return (*path[:at], name, *path[at + 1 :])
    return path


def _content(variable: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        what = f"{file} cannot be read: {_why_unreadable(error)}"
        raise ConfigError(Problem(variable, "environment", what)) from None


# Tables and their models


def _accounts(tree: Tree, problems: list[Problem]) -> dict[str, AccountSettings]:
    tables = tree.values.get("accounts", {})
    accounts = {}
    for name, table in _table(tables).items():
        model = _account_model(tree, name, table, problems)
        if model is not None:
            settings = _build(model, table, ("accounts", name), tree, problems)
            if settings is not None:
                accounts[name] = settings
    if not isinstance(tables, dict):
        place = tree.origin(("accounts",)).place
        problems.append(Problem("accounts", place, "must be tables", "Write [accounts.main]."))
    return accounts


def _endpoints(tree: Tree, problems: list[Problem]) -> dict[str, EndpointSettings]:
    tables = tree.values.get("endpoints", {})
    endpoints = {}
    for name, table in _table(tables).items():
        path = ("endpoints", name)
        if not isinstance(table, dict):
            what, hint = "must be a table", f"Write [endpoints.{name}]."
            problems.append(Problem(".".join(path), tree.origin(path).place, what, hint))
            continue
        settings = _build(EndpointSettings, table, path, tree, problems)
        if settings is not None:
            endpoints[name] = settings
    if not isinstance(tables, dict):
        place = tree.origin(("endpoints",)).place
        problems.append(Problem("endpoints", place, "must be tables", "Write [endpoints.shop]."))
    return endpoints


def _account_model(
    tree: Tree, name: str, table: Any, problems: list[Problem]
) -> type[AccountSettings] | None:
    path = ("accounts", name)
    place = tree.origin(path).place
    if not isinstance(table, dict):
        key = ".".join(path)
        problems.append(Problem(key, place, "must be a table", f"Write [accounts.{name}]."))
        return None
    provider = table.get("provider")
    if not isinstance(provider, str):
        problems.append(_no_provider(tree, path, table))
        return None
    try:
        return find_provider(provider).Settings
    except UnknownProvider as error:
        what = f"there is no provider {provider!r}"
        problem = Problem(f"accounts.{name}.provider", "", what, error.hint)
        problems.append(tree.placed(problem))
        return None


def _no_provider(tree: Tree, path: Path_, table: Mapping[str, Any]) -> Problem:
    """``provider`` is missing or misspelt; without it no other key can be checked."""
    close = difflib.get_close_matches("provider", table, n=1, cutoff=0.6)
    if close and close[0] != "provider":
        origin = tree.origin((*path, close[0]))
        key = origin.source.name if origin.source.kind == "env" else ".".join((*path, close[0]))
        return Problem(key, origin.place, "there is no such setting", "Did you mean provider?")
    return _missing(tree, (*path, "provider"), AccountSettings)


def _build(
    model: type[M], table: dict[str, Any], path: Path_, tree: Tree, problems: list[Problem]
) -> M | None:
    try:
        return model.model_validate(_shape(model, table))
    except ValidationError as error:
        # Not chained: pydantic's text and the raw values must not reach a log.
        problems += [_explain(model, path, detail, tree) for detail in error.errors()]
        return None


def _shape(model: type[BaseModel], table: Mapping[str, Any]) -> dict[str, Any]:
    """The table, with a single text split into a list where the setting is a list."""
    shaped = dict(table)
    for name, field in model.model_fields.items():
        value, annotation = shaped.get(name), field.annotation
        if isinstance(value, str) and get_origin(annotation) is tuple:
            shaped[name] = _items(value, secret=get_args(annotation)[0] is SecretStr)
        elif isinstance(value, dict) and (inner := _section(annotation)):
            shaped[name] = _shape(inner, value)
    return shaped


def _items(text: str, *, secret: bool) -> list[Any]:
    """A list written as one text: JSON, one item a line, or (except secrets) comma-separated.

    An empty secret stays one, to be refused: without any, signatures would not be checked.
    """
    if text.lstrip().startswith("["):
        try:
            items = json.loads(text)
            return items if isinstance(items, list) else [items]
        except ValueError:
            pass
    separator = r"\s*\n\s*" if secret else r"\s*[,\n]\s*"
    items = [item for item in re.split(separator, text.strip()) if item]
    return items or ([""] if secret else [])


def _section(annotation: Any) -> type[BaseModel] | None:
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


def _model_at(tree: Tree, path: Path_) -> type[BaseModel] | None:
    """The model of the table that contains the setting."""
    model: type[BaseModel] | None = Config
    names = list(path[:-1])
    if path[0] == "accounts" and len(path) > 2:
        model, names = _settings_of(tree, path[1]), names[2:]
    while model and names:
        field = model.model_fields.get(names.pop(0))
        model = _section(field.annotation) if field else None
        if field and names and (tables := _tables(field.annotation)):
            names.pop(0)  # the name of one of the tables
            model = tables
    return model


def _settings_of(tree: Tree, account: str) -> type[AccountSettings]:
    table = _table(_table(tree.values.get("accounts")).get(account))
    try:
        return find_provider(str(table.get("provider"))).Settings
    except UnknownProvider:
        return AccountSettings


def _tables(annotation: Any) -> type[BaseModel] | None:
    """The model of the tables, where a setting is a mapping of names to tables."""
    if get_origin(annotation) is not dict:
        return None
    values = get_args(annotation)[1]
    return _section(get_args(values)[0] if get_origin(values) is Annotated else values)


def _has_field(tree: Tree, path: Path_) -> bool:
    if path[0] == "endpoints" and path[2:-1] == ("options",):  # their names depend on the format
        return not path[-1].endswith("_file")
    model = _model_at(tree, path)
    return model is not None and path[-1] in model.model_fields


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _paths(table: Mapping[str, Any], path: Path_ = ()) -> Iterator[Path_]:
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from _paths(value, (*path, key))


def _line(text: str, file: str, path: Path_) -> str:
    """The place of a key: "delivrd.toml, line 7", or only the file where that is unclear."""
    table: Path_ = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        key = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if header:
            table = _keys(header[1])
        if (header and table == path) or (key and (*table, *_keys(key[1])) == path):
            return f"{file}, line {number}"
    return _line(text, file, path[:-1]) if path[1:] else file  # in a table on one line


def _keys(dotted: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


# Explanations of errors


def _explain(model: type[BaseModel], prefix: Path_, error: ErrorDetails, tree: Tree) -> Problem:
    path = (*prefix, *(str(part) for part in error["loc"]))
    if error["type"] == "extra_forbidden":
        return _unknown(tree, path)
    if error["type"] == "missing":
        return _missing(tree, path, _model_at(tree, path) or model)
    if error["type"] in ("model_type", "dict_type"):
        inner = _model_at(tree, (*path, ""))
        hint = f"Its settings: {', '.join(inner.model_fields)}." if inner else ""
        return tree.placed(Problem(".".join(path), "", "must be a table", hint))
    what = error["msg"].removeprefix("Value error, ")
    return tree.placed(Problem(".".join(path), "", what[:1].lower() + what[1:], hint_of(error)))


def _unknown(tree: Tree, path: Path_) -> Problem:
    origin = tree.origin(path)
    from_env = origin.source.kind == "env"
    model = _model_at(tree, path)
    siblings = [(*path[:-1], name) for name in model.model_fields] if model else []
    sought = (*path[:-1], _ELSEWHERE.get(path[-1], path[-1]))
    close = _nearest_path(sought, siblings, 0.6) or _nearest_path(path, _all_paths(tree), 0.7)
    write = _variable if from_env else ".".join
    if close:
        hint = f"Did you mean {write(close)}?"
    elif siblings and path[:-1]:
        hint = f"Known here: {', '.join(name for *_, name in siblings)}."
    else:
        hint = "Remove it, or see `delivrd config show`."
    key = origin.source.name if from_env else ".".join(path)
    return Problem(key, origin.place, "there is no such setting", hint)


_ELSEWHERE = {"statuses": "words", "errors": "codes"}
"""What the dialects call the tables that ``[overrides]`` corrects, and their names there."""


def _nearest_path(path: Path_, candidates: Iterable[Path_], cutoff: float) -> Path_ | None:
    """The closest by the last name (if in the wrong table), or by the whole path where it is one
    name: a variable with too few underscores."""
    by_last = {candidate[-1]: candidate for candidate in candidates}
    close = difflib.get_close_matches(path[-1].lower(), by_last, n=1, cutoff=cutoff)
    if close:
        return by_last[close[0]]
    if path[:-1]:  # paths into one table resemble each other whatever their last names
        return None
    by_path = {"_".join(candidate): candidate for candidate in by_last.values()}
    close = difflib.get_close_matches(path[0], by_path, n=1, cutoff=0.8)
    return by_path[close[0]] if close else None


def _all_paths(tree: Tree) -> Iterator[Path_]:
    for name, field in Config.model_fields.items():
        section = _section(field.annotation)
        for inner in section.model_fields if section else ():
            yield (name, inner)
        yield (name,)
    for endpoint in _table(tree.values.get("endpoints")):
        yield from (("endpoints", endpoint, inner) for inner in EndpointSettings.model_fields)
    for account in _table(tree.values.get("accounts")):
        model = _model_at(tree, ("accounts", account, "provider"))
        for inner in model.model_fields if model else ():
            yield ("accounts", account, inner)


def _missing(tree: Tree, path: Path_, model: type[BaseModel]) -> Problem:
    field = model.model_fields[path[-1]]
    variable = _variable(path)
    secret = "SecretStr" in str(field.annotation)
    hint = f"Write it under [{'.'.join(path[:-1])}] in {tree.file}, or set {variable}"
    hint += f" (or {variable}_FILE)." if secret else "."
    if path[-1] in getattr(model, "NEEDED_TO_SEND", ()):
        hint += " If other programs send through this account: receive_only = true."
    return Problem(".".join(path), tree.origin(path[:-1]).place, "is missing", hint)


def _variable(path: Path_) -> str:
    return PREFIX + "__".join(path).upper().replace("-", "_")
