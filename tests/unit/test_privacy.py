"""Pseudonyms of images and patients in the report."""

import re

import pandas as pd
import pytest

from cxrnoise.core.errors import UserError
from cxrnoise.report import privacy
from cxrnoise.report.privacy import Names

HARD = [
    "=1+2",
    "'=x",
    "'plain",
    "@a",
    "-5",
    "a,b",
    'say "a"',
    " spaced ",
    "NA",
    "",
    "0012",
    "ä\nb",
    "a\rb",
    "\t=",
]


@pytest.fixture
def key(tmp_path):
    return tmp_path / "report-key.csv"


def test_without_a_key_names_are_as_they_are_and_nothing_is_written(tmp_path):
    names = Names()
    assert names.images(["a.png"]) == ["a.png"] and names.patients(["7"]) == ["7"]
    names.save()
    assert not list(tmp_path.iterdir())


def test_a_pseudonym_says_nothing_of_its_name(key):
    [image], [patient] = Names(key).images(["patient1/a.png"]), Names(key).patients(["patient1"])
    assert re.fullmatch("image-[0-9a-f]{8}", image)
    assert re.fullmatch("patient-[0-9a-f]{8}", patient)
    assert image[-8:] != patient[-8:]


def test_nobody_can_work_pseudonyms_out_from_a_list_of_names(tmp_path):
    names = [f"{number:08d}.png" for number in range(50)]
    one, other = (set(Names(tmp_path / name).images(names)) for name in ("a.csv", "b.csv"))
    assert len(one) == len(other) == 50 and not one & other


def test_a_name_has_one_pseudonym_within_a_report(key):
    names = Names(key)
    assert names.images(["a", "b", "a"]) == names.images(["a", "b", "a"])
    assert names.images(["a"]) != names.images(["b"])


@pytest.mark.parametrize("kind", ["images", "patients"])
def test_a_later_report_has_the_same_pseudonyms_whatever_the_names(key, kind):
    first = Names(key)
    shown = getattr(first, kind)(HARD)
    first.save()
    later = Names(key)
    assert getattr(later, kind)([*reversed(HARD), "new"])[:-1] == shown[::-1]
    later.save()
    assert getattr(Names(key), kind)(HARD) == shown


def test_a_spreadsheet_takes_no_name_of_the_key_for_a_formula(key):
    names = Names(key)
    names.patients(["=1+2"])
    names.save()
    assert pd.read_csv(key)["name"].tolist() == ["'=1+2"]


def test_a_patient_and_an_image_of_one_name_are_told_apart(key):
    names = Names(key)
    assert names.images(["7"]) != names.patients(["7"])


def test_two_names_never_share_a_pseudonym(key, monkeypatch):
    drawn = iter(["same", "same", "other", "other", "third"])
    monkeypatch.setattr(privacy.secrets, "token_hex", lambda bytes: next(drawn))
    names = Names(key)
    assert names.patients(["a", "b"]) == ["patient-same", "patient-other"]
    names.save()
    assert Names(key).patients(["a", "b", "c"])[2] == "patient-third"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind,name\npatient,a\n",
        "kind,pseudonym,name\npatient,patient-1,a\npatient,patient-1,b\n",
    ],
    ids=["empty", "other columns", "one pseudonym twice"],
)
def test_a_key_that_was_changed_is_one_sentence(key, text):
    key.write_text(text)
    with pytest.raises(UserError, match=r"report-key\.csv is not the key of a report, or was"):
        Names(key)


def test_the_report_says_where_the_key_stays_and_that_text_may_be_burned_in(key):
    assert list(privacy.about(Names(), pictures=False)) == []
    [burned, where] = privacy.about(Names(key), pictures=True)
    assert "burned into pictures" in burned and "the file …/report-key.csv, which" in where


def test_of_folders_outside_the_run_only_the_last_part_is_named(key, monkeypatch):
    monkeypatch.chdir(key.parent)
    plain, hidden = Names().paths, Names(key).paths
    assert plain(f"{key.parent}/a/b.csv") == hidden(f"{key.parent}/a/b.csv") == "a/b.csv"
    assert plain("/home/Anna Smith/x.csv") == "/home/Anna Smith/x.csv"
    assert hidden("/home/Anna Smith/x.csv") == "…/x.csv"
    assert hidden("['../Anna Smith/x.csv', 'a/b']") == "['…/x.csv', 'a/b']"
    assert hidden("doi: https://doi.org/10.1/2") == "doi: https://doi.org/10.1/2"


def test_readers_have_pseudonyms_alone_and_in_pairs_and_other_words_stay(key):
    names, people = Names(key), ["Ann", "Bob & Co", ""]
    ann, bob, pair, majority, empty = names.readers(
        ["Ann", "Bob & Co", "Ann & Ann", "majority", ""], people
    )
    assert re.fullmatch("reader-[0-9a-f]{8}", ann) and bob != ann
    assert (pair, majority, empty) == (f"{ann} & {ann}", "majority", "")
    assert Names().readers(["Ann & Bob"], ["Ann", "Bob"]) == ["Ann & Bob"]
