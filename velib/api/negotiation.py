"""What a client would rather have: the weights of Accept and Accept-Encoding (RFC 9110, 12.4.2)."""


def weights(header: str) -> dict[str, float]:
    """By name, in their order. 1 where none is said; 0 is a refusal, and so is a weight that is none."""
    found: dict[str, float] = {}
    for part in header.lower().split(",")[:50]:
        name, *parameters = (each.strip() for each in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if name:
            found.setdefault(name, weight if 0 < weight <= 1 else 0.0)
    return found
