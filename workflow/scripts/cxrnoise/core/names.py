"""Names that people give, as paths and columns have them."""


def slug(name: str) -> str:
    """Return a name as it is in paths: `Pleural Thickening` is `pleural_thickening`."""
    return name.strip().lower().replace(" ", "_")
