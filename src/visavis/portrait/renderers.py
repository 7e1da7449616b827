"""Renderers by name: our own, and those that other packages bring.

A package adds one by an entry point of the group `visavis.renderers`, whose name is the renderer's and whose object
makes a `PortraitRenderer` from a `Rig`:

    [project.entry-points."visavis.renderers"]
    neural = "my_package:NeuralRenderer"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from visavis.errors import ConfigError, MissingPackageError
from visavis.portrait.render import MeshRenderer, PortraitRenderer
from visavis.portrait.rig import Rig

__all__ = ["GROUP", "RENDERERS", "RendererFactory", "renderer_factory", "renderer_names"]

#: Makes a renderer from a rig.
RendererFactory = Callable[[Rig], PortraitRenderer]

#: Entry points of this group are renderers.
GROUP: Final = "visavis.renderers"
#: Those that ship with Visavis; a plug-in cannot take their names.
RENDERERS: Final[Mapping[str, RendererFactory]] = {"mesh": MeshRenderer}


def renderer_names() -> tuple[str, ...]:
    """Every renderer that can be asked for by name, our own first.

    >>> "mesh" in renderer_names()
    True
    """
    return (*RENDERERS, *sorted(set(_plugins()) - set(RENDERERS)))


def renderer_factory(name: str) -> RendererFactory:
    """What makes the renderer of that name from a rig.

    Raises:
        ConfigError: there is none; the message lists what there is.
        MissingPackageError: a plug-in cannot be imported.
    """
    if name in RENDERERS:
        return RENDERERS[name]
    plugin = _plugins().get(name)
    if plugin is None:
        raise ConfigError(f"there is no renderer {name!r}; there are: {', '.join(renderer_names())}")
    try:
        factory = plugin.load()
    except (ImportError, AttributeError) as error:
        raise MissingPackageError(
            f"the renderer {name!r} of {plugin.value} cannot be imported ({error}); install what its package asks for"
        ) from error
    if not callable(factory):
        raise ConfigError(f"the renderer {name!r}, {plugin.value}, makes no renderer: expected something to call")
    return factory  # type: ignore[no-any-return]


def _plugins() -> dict[str, EntryPoint]:
    return {plugin.name: plugin for plugin in entry_points(group=GROUP)}
