"""Packages that load what is in them when it is asked for: who uses a part of one waits for that part alone.

The mechanism is that of PEP 562, a module's own ``__getattr__``. For a type checker, a package also imports
the same names under ``TYPE_CHECKING``. A name that a module of the package has too is no case for it: once
that module is loaded, the package has it under this name.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["names_of", "submodules_of"]


def names_of(package: str, modules: Mapping[str, Iterable[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package that offers names out of several modules.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    modules : mapping of str to iterable of str
        By the name of a module, which names come from there.

    Returns
    -------
    callable
        Gives the value of a name, which the package then has as its own.

    Examples
    --------
    >>> names_of(__name__, {"math": ["tau"]})("tau")
    6.283185307179586
    >>> names_of(__name__, {"math": ["tau"]})("pi")
    Traceback (most recent call last):
    ...
    AttributeError: module 'memini_kuzu.lazy' has no attribute 'pi'
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise _missing(package, name)
        value = getattr(import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get


def submodules_of(package: str, names: Iterable[str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose modules are loaded when they are asked for.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    names : iterable of str
        The modules in it.

    Returns
    -------
    callable
        Gives the module of a name, which the package then has as its own.

    Examples
    --------
    >>> submodules_of("importlib", ["metadata"])("metadata").__name__
    'importlib.metadata'
    """
    known = frozenset(names)

    def get(name: str) -> Any:
        if name not in known:
            raise _missing(package, name)
        return import_module(f"{package}.{name}")

    return get


def _missing(package: str, name: str) -> AttributeError:
    return AttributeError(f"module {package!r} has no attribute {name!r}")
