"""The names of families, as model cards give them."""

FAMILIES = {
    "open_clip": "terralex.models.families.open_clip",
    "pocket": "terralex.models.families.pocket",
    "radio": "terralex.models.families.radio",
}
"""The module of each family. They are imported when first used, since they need torch."""
