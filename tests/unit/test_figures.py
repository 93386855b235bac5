from pathlib import Path

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import same_color
from PIL import Image

from cxrnoise.report import figures, saving, table1
from cxrnoise.statistics.intervals import wilson

PAPER = pd.read_csv(Path(__file__).parents[2] / "config" / "paper-table1.csv")


def make_runs(seeds=(0, 1), paper=PAPER):
    """The paper's counts as if they were of these seeds."""
    runs = pd.concat([paper.assign(seed=seed) for seed in seeds])
    extra = dict.fromkeys(table1.EXTRA_COLUMNS, 0.5)
    return runs.assign(**extra).sort_values(["noise_percent", "seed"], ignore_index=True)


def situs(runs, paper, dataset):
    """The figure of runs whose shares lie within 0.1."""
    rows = []
    for level, row in table1.mean(runs).set_index("noise_percent").iterrows():
        for name in table1.SHARES:
            value = row.get(name)
            if value is None:
                group = name.removesuffix("_share")
                of_group = row[f"{group}_A"] + row[f"{group}_B"]
                value = row[f"{group}_A"] / of_group if of_group else float("nan")
            rows.append((level, name, value, max(value - 0.1, 0), min(value + 0.1, 1), 100, ""))
    return figures.situs(runs, pd.DataFrame(rows, columns=table1.INTERVALS), paper, dataset)


def shown_text(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def visible_boxes(figure):
    """The boxes of all text outside the plots, in pixels."""
    FigureCanvasAgg(figure).draw()
    return [
        text.get_window_extent()
        for axes in figure.axes
        for text in [*axes.texts, *axes.get_xticklabels(), axes.xaxis.label, axes.title]
    ]


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_no_text_lies_on_another_or_leaves_the_page(seeds):
    runs = make_runs(seeds)
    runs.loc[::2, table1.COLUMNS[4:]] += 1000
    figure = situs(runs, PAPER, "ChestXRay14")
    boxes = visible_boxes(figure)
    for position, box in enumerate(boxes):
        assert min(box.x0, box.y0) >= 0 and box.x1 <= figure.bbox.width
        assert not any(box.overlaps(other) for other in boxes[position + 1 :])


def test_the_mean_lines_show_the_table():
    axes = situs(make_runs(), None, "phantom").axes[0]
    lines = [container.lines[0].get_ydata() for container in axes.containers]
    assert lines[0] == pytest.approx(PAPER["accuracy_truth"].to_numpy())
    assert lines[1] == pytest.approx(PAPER["accuracy_noisy"].to_numpy())


def bars(axes):
    """The lower and upper ends of the bars of each series."""
    return [
        [segment[:, 1] for segment in container.lines[2][0].get_segments()]
        for container in axes.containers
    ]


def test_the_bars_of_one_run_are_wilsons_and_those_of_several_are_of_the_table():
    one = bars(situs(make_runs((0,)), None, "phantom").axes[0])[0]
    first = PAPER.iloc[0]
    assert one[0] == pytest.approx(wilson(first["accuracy_truth"], first["n"]))
    several = bars(situs(make_runs(), None, "phantom").axes[0])[0]
    assert several[0] == pytest.approx([first["accuracy_truth"] - 0.1, 1])


def test_a_group_without_disagreements_has_no_share():
    axes = situs(make_runs(), None, "phantom").axes[1]
    low, _, high = (container.lines[0].get_ydata() for container in axes.containers)
    assert len(low) == 7
    assert high == pytest.approx([1, 11 / 13, 1, 1, 1, 1])


def test_the_paper_is_drawn_hollow_at_the_levels_that_both_have():
    runs = make_runs((0,), PAPER[PAPER["noise_percent"].isin([0, 8])])
    figure = situs(runs, PAPER, "ChestXRay14")
    for axes, series in zip(figure.axes, (2, 3, 3), strict=True):
        marks = [drawn for drawn in axes.findobj(PathCollection) if len(drawn.get_offsets()) == 2]
        assert len(marks) == series
        assert all(len(drawn.get_facecolor()) == 0 for drawn in marks)


def test_without_the_paper_nothing_is_drawn_of_it():
    assert "the paper" in shown_text(situs(make_runs(), PAPER, "ChestXRay14"))
    assert "the paper" not in shown_text(situs(make_runs(), None, "phantom"))


def test_seeds_are_told_from_means_only_where_there_are_several():
    assert "one seed" in shown_text(situs(make_runs((0, 1)), None, "phantom"))
    assert "one seed" not in shown_text(situs(make_runs((0,)), None, "phantom"))


def test_groups_are_told_apart_by_colour_and_by_shape():
    colours, shapes = zip(*figures.DOUBTFUL_TO_SURE, strict=True)
    assert len(set(shapes)) == 3
    assert not same_color(colours[0], colours[1]) and not same_color(colours[1], colours[2])


def test_one_level_and_one_seed_are_enough():
    runs = make_runs((0,), PAPER[PAPER["noise_percent"] == 8])
    assert len(situs(runs, None, "phantom").axes) == 3


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_table_gives_the_same_bytes(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        saving.save(situs(make_runs(), PAPER, "ChestXRay14"), path, '{"code": "c0de"}')
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_both_formats_say_what_made_them(tmp_path):
    figure = situs(make_runs(), None, "phantom")
    for suffix in ("svg", "png"):
        saving.save(figure, tmp_path / f"situs.{suffix}", '{"code": "c0de"}')
    svg = (tmp_path / "situs.svg").read_text()
    assert "c0de" in svg and "<dc:date>" not in svg
    assert "c0de" in Image.open(tmp_path / "situs.png").info["Description"]
