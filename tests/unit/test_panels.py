import numpy as np
import pandas as pd
import pytest

import disputes
from cxrnoise.core.errors import UserError
from cxrnoise.reading import neighbours, verdicts
from cxrnoise.report import panels, saving
from tiny import png

PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def read(readers=3, source="room"):
    """Five confident, certain disagreements (three overturned, two confirmed) and one other."""
    key = disputes.key([(1, "high", "low")] * 5 + [(1, "low", "low")])
    key["confidence"] = [0.31, 0.42, 0.37, 0.45, 0.44, 0.1]
    said = ["absent", "absent", "absent", "present", "present", "absent"]
    given = disputes.answers(key, **{f"reader {number}": said for number in range(readers)})
    given.loc[given["case"] == key["case"][3], "other_finding"] = "subcutaneous emphysema"
    return key, given.assign(source=source)


def judged(readers=3):
    return verdicts.judge(*read(readers))


def texts(figure):
    return [text.get_text() for text in figure.texts] + [
        axes.get_title(loc="left") for axes in figure.axes
    ]


def test_only_confident_and_certain_cases_are_shown_the_most_confident_first():
    overturned = panels.confident(judged(), "A")
    assert overturned["confidence"].tolist() == [0.42, 0.37, 0.31]
    assert panels.confident(judged(), "B")["confidence"].tolist() == [0.45, 0.44]


def test_controls_and_repeats_are_never_shown():
    cases = judged().assign(role="control")
    assert panels.confident(cases, "A").empty


def test_a_panel_names_image_label_scores_and_answers():
    cases = judged()
    first = panels.of_cases(panels.confident(cases, "B"), cases)[0]
    assert first.image == "00000003_000.png"
    assert first.lines == [
        "00000003_000.png",
        "label present, model absent (p = 0.500)",
        "C = 0.450, U = 0.01",
        "3 of 3 readers: present; subcutaneous emphysema (3)",
    ]


def test_a_single_reader_is_not_counted():
    cases = judged(readers=1)
    assert panels.of_cases(panels.confident(cases, "A"), cases)[0].lines[3] == "reader: absent"


def features_of(cases):
    random = np.random.default_rng(0)
    images = [*cases["image"], *(f"train_{number}.png" for number in range(9))]
    roles = ["case"] * len(cases) + [neighbours.POSITIVE] * 9
    values = random.random((len(images), 4)).astype(np.float32)
    p1 = np.full(len(images), 0.75, dtype=np.float32)
    return neighbours.Features(np.array(images), np.array(roles), values, p1)


def test_the_neighbours_are_training_positives_each_once_with_their_scores():
    confirmed = panels.confident(judged(), "B")
    shown = panels.of_neighbours(confirmed, features_of(confirmed))
    assert len({panel.image for panel in shown}) == panels.SHOWN
    assert all(panel.image.startswith("train_") for panel in shown)
    assert shown[0].lines[1] == "training image, label present (p = 0.750, C = 0.250)"
    assert [panel.lines[2] for panel in shown] == [
        f"nearest to {image}" for image in [*confirmed["image"], *confirmed["image"]]
    ]


def test_without_a_case_there_is_no_neighbour_and_the_figures_say_so(tmp_path):
    nothing = panels.confident(judged(), "none")
    assert panels.of_neighbours(nothing, features_of(nothing)) == []
    for title, about in panels.titles("Emphysema", False, 0, 0):
        figure = panels.draw(panels.Plate(title, about, []))
        assert "No such case." in texts(figure)
        saving.save(figure, tmp_path / "figure.png", "{}")
    assert "as figure 2 has none" in about


def plates(**options):
    key, given = read(**options)
    return panels.plates(key, given, features_of(key), "Emphysema")


def test_the_figures_of_a_simulated_reader_say_so_in_their_titles():
    assert all("SIMULATED READER" in plate.title for plate in plates(source="simulated"))
    assert not any("SIMULATED" in plate.title for plate in plates())


def test_the_three_figures_are_overturned_confirmed_and_alike():
    overturned, confirmed, alike = plates()
    assert [panel.image[6:8] for panel in overturned.panels] == ["01", "02", "00"]
    assert [panel.image[6:8] for panel in confirmed.panels] == ["03", "04"]
    assert len(alike.panels) == panels.SHOWN
    assert panels.images([alike, confirmed]) == {
        panel.image for panel in [*alike.panels, *confirmed.panels]
    }


def test_a_figure_says_how_many_cases_there_are():
    (_, overturned), (_, confirmed), _ = panels.titles("Emphysema", False, 7, 1)
    assert overturned.endswith("4 of 7 cases.")
    assert confirmed.endswith("one case.")


def test_an_image_that_cannot_be_drawn_is_named():
    first, *_ = plates()
    originals = [(first.panels[0].image, b"no PNG")]
    with pytest.raises(UserError, match=f"image {first.panels[0].image} cannot be shown"):
        panels.filled([first], originals)


def test_every_panel_is_drawn_with_its_pixels_as_they_are(tmp_path):
    first, *_ = plates()
    originals = [(image, png(PIXELS)) for image in panels.images([first])]
    [plate] = panels.filled([first], originals)
    figure = panels.draw(plate)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        [image] = axes.images
        assert np.array_equal(image.get_array(), PIXELS)
        assert image.get_clim() == (0, 255)
        assert "label present, model absent" in axes.get_title(loc="left")
    saving.save(figure, tmp_path / "figure.png", "{}")
    saving.save(panels.draw(plate), tmp_path / "again.png", "{}")
    assert (tmp_path / "figure.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_only_the_first_cases_are_shown():
    cases = pd.concat([judged()] * 3, ignore_index=True)
    assert len(panels.of_cases(panels.confident(cases, "A"), cases)) == panels.SHOWN


def test_dollars_in_a_name_are_no_mathematics(tmp_path):
    panel = panels.Panel("$x^{$.png", ["$x^{$.png", "$(touch x)$"], PIXELS)
    figure = panels.draw(panels.Plate("$_{$", "$^{$", [panel]))
    saving.save(figure, tmp_path / "figure.png", "{}")
    assert texts(figure) == ["$_{$", "$^{$", "$x^{$.png\n$(touch x)$"]
