"""The fields of a case, a variant, a ratio or a cost: what was done, on which data, and how.  The report reads only
these; a name is for people."""
from typing import Any, NamedTuple


class Fields(NamedTuple):
    """A field that does not apply is empty, or 0."""
    family: str = ''
    op: str = ''
    transpose: str = ''
    pass_: str = ''  # "pass" in the file, which is a word of Python
    form: str = ''
    bn: bool = False
    activation: str = ''
    cold: bool = False
    set: str = ''
    isa: str = ''
    m: int = 0
    n: int = 0
    k: int = 0
    level: str = ''
    threads: int = 0
    peer: str = ''

    @property
    def extra(self) -> str:
        """What a layer does besides its product: "", "bn", "elu" or "bn_elu"."""
        return '_'.join(filter(None, ('bn' if self.bn else '', self.activation)))

    @property
    def shape(self) -> str:
        """"200x300x784", or the part of it that there is."""
        return '\u00d7'.join(str(size) for size in (self.m, self.n, self.k) if size)

    def has(self, **wanted: object) -> bool:
        """Whether these fields have these values."""
        return all(getattr(self, name) == value for name, value in wanted.items())


Where = dict[str, object]  # fields and their values
# By the name in the file.
TYPES: dict[str, type] = {name.rstrip('_'): kind for name, kind in Fields.__annotations__.items()}


def fields_of(entry: dict[str, Any]) -> Fields:
    return Fields(*(entry.get(name, kind()) for name, kind in TYPES.items()))
