"""Words of spreadsheets in some languages: spellings of findings, and names of columns."""

import re
from collections.abc import Iterable

from cxrnoise.datasets import columns


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# Spellings of a finding besides those that `tasks.values` knows, in lower case.
SPELLINGS = {
    "present": _split(
        "ja j oui si sí sì sim tak ano evet да 是 有 はい positive positiv positif positivo pos "
        "pos. + x ✓ present vorhanden présent presente"
    ),
    "absent": _split(
        "nein non nee nej nei não nao nie ne hayır нет 否 无 無 いいえ negative negativ négatif "
        "negativo neg neg. - – absent ausente assente kein keine none"
    ),
    "masked": _split(
        "? (+) +/- ± uncertain unsure unclear possible equivocal unklar fraglich möglich v.a. "
        "incertain possível posible dudoso dubbio possibile twijfel n/a na n.a. nan null unknown "
        "unbekannt k.a. inconnu desconocido"
    ),
}
MEANINGS = {word: meaning for meaning, words in SPELLINGS.items() for word in words}

# Stems of columns, as `columns.key` returns names.
PATIENT = _split(
    "patient pacient paciente paziente pacjent pasient пациент subject proband 患者 病人"
)
PATIENT_WHOLE = _split("pat patid patnr patno pid mrn fall fallnr fallnummer")
CLASSES = _split("diagnos class klasse kategorie categor label befund gruppe")

# Words of columns about a person or an examination, which are no labels.
PERSONAL = _split(
    "age alter edad idade età leeftijd jahre birth geburtsdatum sex gender geschlecht sexe sexo "
    "sesso geslacht date datum fecha uhrzeit time"
)
# They may name a person.
NAMES = _split("name surname nom prénom nombre apellido apellidos cognome")


def has(column: str, words: Iterable[str]) -> bool:
    """Whether the name of a column has one of these words, or ends a word in a longer one."""
    parts = re.findall(r"[^\W_]+", column.casefold())
    return any(
        part == word or (len(word) > 3 and part.endswith(word)) for part in parts for word in words
    )


def is_patient(column: str) -> bool:
    """Whether a column may be the patient by its name: no age, date or name of a patient."""
    key = columns.key(column)
    named = key in PATIENT_WHOLE or any(stem in key for stem in PATIENT)
    return named and not has(column, (*PERSONAL, *NAMES))
