"""What assets of all layers have in common."""

OWNERS = ["team:data"]


def layer_tags(layer: str) -> dict[str, str]:
    return {"layer": layer}
