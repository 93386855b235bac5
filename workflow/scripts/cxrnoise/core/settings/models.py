"""The configuration as pydantic models: type, default, bounds and description of each key.

The defaults are the paper's values. `table.py` makes the table of config/README.md from here, and
`errors.py` the sentences for what does not fit.
"""

import math
import os
import posixpath
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

# Folders and files below `results` that are not a task's.
RESERVED = frozenset(
    {"images", "logs", "figures", "weights", "downloads", "verified", "tensorboard"}
    | {"all", "download", "verify", "table1", "table2", "paper-vs-ours"}
    | {"sweeps", "detection", "audit", "audit-sample", "report", "features"}
)
NOT_PAPER = "Not in the paper; our choice."


def key(default: Any, description: str) -> Any:
    """Return a key with its default (`...` for none) and its description."""
    return Field(default, description=description)


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):  # pydantic would take true for 1
        raise ValueError("should be a number")
    return value


def _each_once(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("should have each value once")
    return values


def _tidy(path: str) -> str:
    """Return a path as Snakemake wants it: `./a//b/` and `a\\b` are `a/b`, `~` is the home folder.

    The folder in which Snakemake runs, `.`, becomes its absolute path.
    """
    if re.search(r"[{}\x00-\x1f\x7f]", path):
        raise ValueError(
            "should have neither braces nor control characters: rename the file or folder"
        )
    path = re.sub("/+", "/", os.path.expanduser(path).replace("\\", "/"))
    path = posixpath.normpath(path)
    return os.getcwd() if path == "." else path


def _task_name(name: str) -> str:
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
        raise ValueError(
            "names a folder and should have only letters, digits, _ and -, and begin with a "
            "letter or digit"
        )
    if name.lower() in RESERVED:
        raise ValueError("is the name of another folder of the results: choose another name")
    return name


def _share_or_count(value: float) -> float:
    if value < 1:
        return value
    if value != int(value):
        raise ValueError("should be a whole number, or a fraction below 1")
    return int(value)


def _none(value: Any) -> Any:
    return None if value == "none" else value


def _auto_or_names(value: Any) -> Any:
    return value if value == "auto" else _names(value, "auto")


def _all_or_names(value: Any) -> Any:
    return value if value == "all" else _names(value, "all")


def _names(value: Any, word: str) -> list[str]:
    names = value if isinstance(value, list) else []
    if not names or not all(isinstance(name, str | int) and name != "" for name in names):
        raise ValueError(f"should be {word} or a list of names")
    return _each_once([str(name).strip() for name in names])


def _rate(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _rate(part) for name, part in value.items()}
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if isinstance(value, bool) or not 0 <= rate < math.inf:
        raise ValueError("should be a number of at least 0, or one for each other class")
    return rate


Number = BeforeValidator(_no_boolean)
Whole = Annotated[int, Number, Field(ge=1)]
WholeOrZero = Annotated[int, Number, Field(ge=0)]
AtLeastTwo = Annotated[int, Number, Field(ge=2)]
Positive = Annotated[float, Number, Field(gt=0)]
PositiveOrZero = Annotated[float, Number, Field(ge=0)]
Share = Annotated[float, Number, Field(ge=0, le=1)]
BelowOne = Annotated[float, Number, Field(ge=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
File = Annotated[Text, AfterValidator(_tidy)]
Finding = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_ -]{0,99}$")]
Seed = Annotated[int, Number, Field(ge=0, lt=2**32)]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_each_once)]
Level = Annotated[float, Number, Field(ge=0, le=50)]
Levels = Annotated[list[Level], Field(min_length=1), AfterValidator(_each_once)]
Texts = Annotated[list[Text], Field(min_length=1), AfterValidator(_each_once)]
NamesOrAll = Annotated[Any, AfterValidator(_all_or_names)]
Rate = Annotated[Any, AfterValidator(_rate)]
SplitNames = Annotated[list[Literal["train", "val", "test"]], AfterValidator(_each_once)]
ShareOrCount = Annotated[float, Number, Field(gt=0), AfterValidator(_share_or_count)]
PartOfOne = Annotated[float, Number, Field(gt=0, lt=1)]


class Group(BaseModel):
    """Keys that belong together; a key that is not listed is refused."""

    model_config = ConfigDict(
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
        str_strip_whitespace=True,
    )


class DataSet(Group):
    kind: Text = key(
        "chestxray14",
        "Kind of data set: `chestxray14` (the NIH's files, §2.2), `table` (a table of your own, "
        "docs/own-data.md), `padchest` (PadChest's CSV file), or `phantom` (drawn by the run, as "
        "in the demo).",
    )
    name: Text | None = key(
        None,
        "Name shown in the tables. Without it, it is `ChestXRay14`, `own data` or `phantom`, after "
        "`dataset.kind`. The paper's numbers are shown beside those of `ChestXRay14`.",
    )


class Table(Group):
    uncertain: Literal["masked", "absent", "present"] = key(
        "masked",
        "Meaning of -1 (CheXpert's uncertain label) in `dataset.kind: table`: `masked` (not used, "
        "neither to train nor to count), `absent` or `present`. " + NOT_PAPER,
    )
    empty: Literal["absent", "masked"] = key(
        "absent",
        "Meaning of an empty cell in `dataset.kind: table`: `absent` or `masked`. " + NOT_PAPER,
    )
    words: dict[Text, Literal["present", "absent", "masked"]] = key(
        {},
        "Spellings of findings besides 1 and 0, TRUE and FALSE, yes and no, such as `{ja: present, "
        "nein: absent, unklar: masked}`. Upper and lower case are the same. " + NOT_PAPER,
    )
    image: Annotated[Text | None, BeforeValidator(_none)] = key(
        None,
        "Column of your table that names the image. Without it, a column with one of the usual "
        "names is taken (docs/own-data.md). " + NOT_PAPER,
    )
    patient: Annotated[Text | None, BeforeValidator(_none)] = key(
        None,
        "Column that names the patient, in the same way. Where every image is of another patient, "
        "it may be the column of the image. " + NOT_PAPER,
    )
    view: Annotated[Text | None, BeforeValidator(_none)] = key(
        None, "Column that names the view, in the same way. " + NOT_PAPER
    )
    suffix: Annotated[Text | None, BeforeValidator(_none)] = key(
        None,
        "What is missing at the end of the names of images in your table, such as `.dcm`. "
        + NOT_PAPER,
    )


class Shards(Group):
    size: Whole = key(240, "Width and height in pixels to which radiographs are reduced (§2.2).")
    resampling: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = key(
        "lanczos", "Pillow's filter for the reduction. The paper leaves it open; our choice."
    )
    number: Whole = key(
        64,
        "Number of HDF5 files that hold the reduced images, each made by one job. 64 suits the "
        "112,120 images of ChestXRay14; 1 or 2 suit 500 images. " + NOT_PAPER,
    )


class Tolerated(Group):
    missing: WholeOrZero = key(
        0,
        "A run stops when more images than this are in the metadata but not on disk. Missing "
        "images are left out. The paper uses all images (§2.2).",
    )
    doubled: WholeOrZero = key(
        0, "The same for images that are on disk more than once; no copy of them is used (§2.2)."
    )
    truncated: WholeOrZero = key(0, "The same for images whose end is missing (§2.2).")
    unreadable: WholeOrZero = key(
        0, "The same for files that are damaged or are no radiographs (§2.2)."
    )


class Splits(Group):
    train: ShareOrCount = key(
        ...,
        "Size of the training split: a whole number counts patients (`situs`) or images (other "
        "tasks), a fraction below 1 is that part of all. Where the fractions add up to 1, the "
        "training split takes what rounding leaves. No patient is in two splits (§2.2, §2.3). "
        "For data sets other than ChestXRay14 the defaults are 0.7, 0.1 and 0.2.",
    )
    val: ShareOrCount = key(..., "Size of the validation split, in the same way (§2.2, §2.3).")
    test: ShareOrCount = key(..., "Size of the test split, in the same way (§2.2, §2.3).")

    @model_validator(mode="after")
    def _add_up(self) -> "Splits":
        fractions = [size for size in (self.train, self.val, self.test) if size < 1]
        if 0 < len(fractions) < 3:
            raise ValueError("should have three whole numbers or three fractions, not both")
        _at_most_one(fractions)
        return self


class Positives(Group):
    train: PartOfOne = key(
        ...,
        "Part of the positive images that the training split gets; 854 of 1,378 in the paper "
        "(§2.3). Where `splits` is changed and `positives` is not given, the parts are those of "
        "`splits`.",
    )
    val: PartOfOne = key(..., "Part for the validation split; 88 of 1,378 in the paper (§2.3).")
    test: PartOfOne = key(..., "Part for the test split; 436 of 1,378 in the paper (§2.3).")

    @model_validator(mode="after")
    def _add_up(self) -> "Positives":
        _at_most_one([self.train, self.val, self.test])
        return self


def _at_most_one(fractions: list[float]) -> None:
    total = math.fsum(fractions)
    if total > 1 + 1e-9:
        raise ValueError(f"should add up to at most 1, not to {total:g}")


class Augmentation(Group):
    rotation: Annotated[float, Number, Field(ge=0, le=45)] = key(
        7,
        "Training images are turned by up to this many degrees to either side (§2.3). "
        "`augmentation: none` leaves training images as they are.",
    )
    scale: Annotated[float, Number, Field(gt=0, le=1)] = key(
        0.7,
        "A part is cut out of each training image; its longer side is at least this part of the "
        "image's side (§2.3).",
    )
    aspect: Annotated[float, Number, Field(ge=1)] = key(
        1.3333, "Longer side of the part that is cut out, divided by its shorter side (§2.3, 4:3)."
    )


class Training(Group):
    epochs: Whole = key(2, "Passes over the training split (§2.2).")
    batch_size: Whole = key(16, "Images per training step (§2.2).")
    learning_rate: Positive = key(0.001, "Initial learning rate (§2.2).")
    momentum: BelowOne = key(0.9, "Momentum of the optimiser (§2.2).")
    batch_norm_decay: BelowOne = key(
        0.9, "Decay of the moving means and variances in each step (§2.2)."
    )
    validate_every_steps: Whole = key(
        100,
        "Steps between two measurements of the validation loss. The learning rate is halved each "
        "time the loss has not improved (§2.2).",
    )
    stop_below: PositiveOrZero = key(
        0,
        "Training ends early when the learning rate falls below this; 0 for never. The paper "
        "states it for emphysema only (§2.3).",
    )
    checkpoint_minutes: PositiveOrZero = key(
        5, "Minutes between two checkpoints; a killed training resumes from the last. " + NOT_PAPER
    )


class Task(Group):
    """Keys of every task that trains a network."""

    # The paper crops this many of 240 pixels; the default of `crop` is the same part.
    paper_crop: ClassVar[int] = 144
    # What differs from the top-level group `training`, where a configuration does not say it.
    schedule: ClassVar[dict[str, Any]] = {}

    views: Texts = key(
        ["PA"],
        "View positions that take part (§2.2). Images of a table without view positions have the "
        "one that their DICOM header names, else `PA`.",
    )
    crop: Whole | None = key(
        None,
        "Width and height in pixels of what the network sees, at most `shards.size`. Without it, "
        "the paper's part of `shards.size`: 144 of 240 pixels for `situs` (§2.2) and "
        "`orientation`, 224 of 240 (§2.3) for the others.",
    )
    splits: Splits = key(
        Splits(train=0.7, val=0.1, test=0.2), "Sizes of the splits, drawn anew for each seed."
    )
    noise_levels: Levels = key(
        [0], "Percent of the labels that are flipped, from 0 to 50; one network each (§2.2)."
    )
    noise_models: Texts = key(
        ["symmetric"],
        "How labels are flipped: `symmetric` (each label alike, §2.2), `class_conditional` (see "
        "`class_rates`), `patient` (all images of a patient alike) or `instance` (the more likely, "
        "the harder an image is for the probe of the labels without noise). The networks of each "
        "model are trained for all of `noise_levels`.",
    )
    class_rates: dict[Text, Rate] = key(
        {},
        "For `class_conditional`: by which factor of the noise level each class is flipped, such "
        "as `{present: 1, absent: 0.1}`, or by direction, such as `{cat: {dog: 1, deer: 0.5}}`. A "
        "class that is not named is never flipped. " + NOT_PAPER,
    )
    noisy_splits: SplitNames = key(
        ["train", "val", "test"],
        "Splits whose labels are flipped. The paper says training and test (abstract) and leaves "
        "validation open.",
    )
    augmentation: Annotated[Augmentation | None, BeforeValidator(_none)] = key(
        None, "How training images are varied; none for `situs` (§2.2)."
    )
    training: Training = key(
        Training(),
        "What differs from the group `training` for this task. All kinds but `situs` and "
        "`orientation` begin with `epochs: 20` (our choice), `validate_every_steps: 1000` and "
        "`stop_below: 0.000001` (§2.3).",
    )


class Foldable(Task):
    """Keys of the tasks whose labels detection and audit can judge out of fold."""

    folds: AtLeastTwo = key(
        5,
        "Parts of the patients, for `by: folds` and `by: probe` in `detection`: each part is "
        "predicted by a network that was trained on the others, so that every image of the cohort "
        "is judged. " + NOT_PAPER,
    )
    members: Whole = key(
        1,
        "Networks on the same labels and splits that differ in initialisation and order; the "
        "scores of an ensemble need 2 or more. " + NOT_PAPER,
    )


class Situs(Foldable):
    kind: Literal["situs"] = key(..., "Whether the radiograph was mirrored (§2.2).")
    splits: Splits = Splits(train=25000, val=1000, test=2868)
    noise_levels: Levels = [0, 1, 2, 4, 8, 16, 32]


class LikeEmphysema(Foldable):
    """Keys of the tasks that are trained as the paper trains emphysema (§2.3)."""

    paper_crop: ClassVar[int] = 224
    schedule: ClassVar[dict[str, Any]] = {
        "epochs": 20,
        "validate_every_steps": 1000,
        "stop_below": 0.000001,
    }

    augmentation: Annotated[Augmentation | None, BeforeValidator(_none)] = Augmentation()


class OneFinding(LikeEmphysema):
    kind: Literal["finding"] = key(..., "Whether one finding is present or absent (§2.3).")
    finding: Text = key(..., "Name of the finding, or of its column in your table, in either case.")
    cohort: Literal["published", "all"] = key(
        "published",
        "`published`: the patients of ChestXRay14 with a number below 28868, whose 64,154 PA "
        "images are the paper's; `all`: all patients (§2.3). The default is `all` for other data "
        "sets.",
    )
    held_out: Annotated[File | None, BeforeValidator(_none)] = key(
        None,
        "A CSV file whose images (column `image` or `Image ID`) are the test split. Other images "
        "of their patients are left out. " + NOT_PAPER,
    )
    splits: Splits = Splits(train=38353, val=4625, test=21176)
    positives: Positives | None = key(
        Positives(train=0.61974, val=0.06386, test=0.3164),
        "Parts of the positive images that the splits get (§2.3).",
    )


class SeveralFindings(LikeEmphysema):
    kind: Literal["findings"] = key(
        ..., "Several findings at once, by one network with a probability for each."
    )
    findings: NamesOrAll = key(
        "all", "Names of the findings or of their columns; or `all`. " + NOT_PAPER
    )
    weight_cap: Annotated[float, Number, Field(ge=1)] = key(
        20,
        "The rarer side of each finding counts more in the loss, in proportion to its rarity, but "
        "at most this many times. " + NOT_PAPER,
    )


class Classes(LikeEmphysema):
    kind: Literal["classes"] = key(..., "To which of several classes the image belongs.")
    column: Text = key(..., "Column of your table that names the class of each image.")


class Orientation(Foldable):
    kind: Literal["orientation"] = key(
        ..., "How the image is turned and mirrored, and whether black and white are exchanged."
    )


class Predictions(Group):
    kind: Literal["predictions"] = key(
        ..., "Nothing is trained; another program's probabilities are read from `file`."
    )
    file: File = key(
        ...,
        "CSV or Parquet file of probabilities that another program predicted for images it was "
        "not trained on (docs/own-data.md#predictions-from-elsewhere). " + NOT_PAPER,
    )
    noise_levels: list[Literal[0]] = Field([0], min_length=1, max_length=1)
    noise_models: list[Literal["symmetric"]] = Field(["symmetric"], min_length=1, max_length=1)


KINDS = {
    "situs": Situs,
    "finding": OneFinding,
    "findings": SeveralFindings,
    "classes": Classes,
    "orientation": Orientation,
    "predictions": Predictions,
}
AnyTask = Annotated[
    Situs | OneFinding | SeveralFindings | Classes | Orientation | Predictions,
    Field(discriminator="kind"),
]


class Network(Group):
    backbone: Text = key(
        "resnet50",
        "`resnet50` (the paper's, §2.2, version 1), `resnet50v1.5` (torchvision's), `resnet18`, "
        "`small` (for CPUs), `small-dropout` (the same with dropout, for Monte Carlo dropout), or "
        "a name from `keras.applications` such as `densenet121`.",
    )
    mixed_precision: bool = key(False, "float16 arithmetic on a GPU. " + NOT_PAPER)
    xla: bool = key(
        False, "Compile with XLA. Two runs may then differ in their last bits. " + NOT_PAPER
    )
    threads: Whole = key(
        8, "CPU threads of a job. Another number gives other last bits. " + NOT_PAPER
    )
    gpus: WholeOrZero = key(
        1, "GPUs of a training or Monte Carlo job; with 0 these run on the CPU. " + NOT_PAPER
    )


class Uncertainty(Group):
    samples: AtLeastTwo = key(
        100,
        "Number T of Monte Carlo batch-normalisation samples (§2.1), and of Monte Carlo dropout "
        "samples where these are asked for. The paper leaves it open; our choice.",
    )
    batch_size: AtLeastTwo = key(
        16,
        "Training images whose statistics make one sample (§2.2: one random training batch). The "
        "paper leaves their number open; our choice.",
    )
    augmentations: AtLeastTwo = key(
        20,
        "Varied views of each image in test-time augmentation, where it is asked for. They are "
        "varied by the task's `augmentation`, or slightly where it is none. " + NOT_PAPER,
    )
    predict_batch_size: Whole = key(
        128, "Test images per forward pass. Changes speed and memory, not results. " + NOT_PAPER
    )


class Sweeps(Group):
    task: Text = key(
        "situs",
        "Task whose Monte Carlo samples `results/sweeps.csv` looks at, one with a network. "
        + NOT_PAPER,
    )
    noise: Annotated[str, Field(pattern=r"^([a-z_]+-)?\d+(\.\d+)?$")] = key(
        "8",
        "Noise of its runs as in their path: `8` for 8 % of flipped labels, `patient-8` for the "
        "noise model `patient`. " + NOT_PAPER,
    )
    samples: AtLeastTwo = key(
        400,
        "Samples that are drawn for each batch size; half of them is the largest T whose agreement "
        "with T other samples can be measured. " + NOT_PAPER,
    )
    batch_sizes: Annotated[list[AtLeastTwo], Field(min_length=1), AfterValidator(_each_once)] = key(
        [4, 16, 64, 256],
        "Training images whose statistics make one sample, at most the training split. Memory "
        "grows with them. " + NOT_PAPER,
    )


class Measures(Group):
    confidence: Literal["softmax", "mc-mean"] = key(
        "softmax",
        "Probabilities from which confidence C(x) is computed: those of the trained network "
        "(`softmax`, §2.1) or their mean over the Monte Carlo samples (`mc-mean`).",
    )
    groups: Literal["test-quantiles", "val-quantiles", "mean-sd"] = key(
        "test-quantiles",
        "How images are grouped into low, moderate and high (Table 1): thirds of the test set, "
        "borders at the thirds of the validation set, or mean ± `sd_factor` standard deviations. "
        "The paper leaves it open; our choice.",
    )
    sd_factor: Positive = key(
        1.0, "Standard deviations from the mean to a border, for `groups: mean-sd`. " + NOT_PAPER
    )


class Reads(Group):
    file: File = key(
        ...,
        "CSV file of what readers say of the images: expert reads in the NIH's layout, one row an "
        "image (and reader), one column a finding.",
    )
    verdict: Literal["majority", "unanimous"] = key(
        "majority",
        "What counts as true where a file has several readers: what more than half of them say, "
        "or what all of them say. Other labels take no part.",
    )


class Detected(Group):
    """What is measured of one task, under the task's name."""

    by: Annotated[
        list[Literal["test", "folds", "probe"]], Field(min_length=1), AfterValidator(_each_once)
    ] = key(
        ["test"],
        "Whose predictions: `test` (the test split of each run), `folds` (every image, by "
        "networks of `tasks.NAME.folds`) or `probe` (every image, by linear classifiers on the "
        "features of a frozen network). " + NOT_PAPER,
    )
    levels: Levels | None = key(
        None,
        "Noise levels, of those of the task. Without it, all that are above 0; and 0 where readers "
        "or a file of predictions know the truth.",
    )
    truth: dict[Annotated[str, AfterValidator(_task_name)], Reads] = key(
        {},
        "Readers who say which labels are wrong, by a name of your own. Without any, the truth "
        "that a data set knows: which labels were flipped.",
    )
    scores: NamesOrAll = key(
        "all", "Names of the scores, or `all` that a run has what they need for."
    )


class Audit(Group):
    """Which labels of an archive are wrong: the task whose labels people read."""

    task: Text | None = key(
        None,
        "Task whose labels are audited at noise 0, for the first of `seeds` (docs/audit.md). "
        + NOT_PAPER,
    )
    by: Literal["folds", "probe"] = key(
        "probe",
        "Whose predictions say which labels are suspicious: `probe` (minutes on a CPU) or `folds` "
        "(networks of `tasks.NAME.folds`). " + NOT_PAPER,
    )
    score: Text = key("self_confidence", "Score by which labels are ranked. " + NOT_PAPER)
    images: Whole = key(
        150, "Number of images to read, a probability sample of the archive. " + NOT_PAPER
    )
    draw: Literal["stratified", "simple"] = key(
        "stratified",
        "How they are drawn: more where more wrong labels are expected (`stratified`), or all "
        "alike (`simple`). " + NOT_PAPER,
    )
    first: WholeOrZero = key(
        0,
        "So many of the most suspicious images are all read, and `images` counts them; the rest is "
        "a sample of the others, so that the count still holds. " + NOT_PAPER,
    )
    suspicious: WholeOrZero = key(
        0,
        "So many of the most suspicious images outside the sample are read besides, to mend "
        "labels; no count rests on them. " + NOT_PAPER,
    )
    repeats: Share = key(0.1, "Part of the cases that are shown once more, unmarked. " + NOT_PAPER)
    design: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")] = key(
        "first",
        "Name of the design (strata and one random number an image). It is made once and kept; "
        "another name makes a new one beside it. " + NOT_PAPER,
    )
    readings: File = key(
        "room",
        "Who reads: `room` (readings exported from the reading room), the path of a CSV file of "
        "readings or of the NIH's expert reads, or `simulated` (readers who know the phantoms' "
        "truth). " + NOT_PAPER,
    )
    verdict: Literal["majority", "unanimous"] = key(
        "majority", "What counts as true where several people read a label. " + NOT_PAPER
    )
    columns: Annotated[list[Text], AfterValidator(_each_once)] = key(
        [],
        "Columns of `metadata` by whose values errors are counted besides, such as `[site, "
        "scanner]`. " + NOT_PAPER,
    )


class Hanging(Group):
    """Files that hang wrongly, are there twice, or are unlike all others (`hanging`)."""

    by: Text = key(
        "probe",
        "Who says how each file hangs (docs/hanging.md): `probe` (linear classifiers that were "
        "shown turned and mirrored copies, minutes on a CPU), or the name of a task of kind "
        "`orientation`, whose networks of `tasks.NAME.folds` predict the files of the patients "
        "that they were not trained on. " + NOT_PAPER,
    )
    first: Whole = key(
        50, "Rows of each ranked list, and pictures of each on the page. " + NOT_PAPER
    )


class Probe(Group):
    network: Text = key(
        "pretrained",
        "The frozen network behind the features of a probe: `pretrained` (`network.backbone` with "
        "the file of `weights`), or the name of a task of kind `orientation`, whose network is "
        "trained on your own images without any label of theirs. " + NOT_PAPER,
    )
    layers: Annotated[Texts | None, BeforeValidator(_none)] = key(
        None,
        "Names of the layers whose outputs are pooled, the average and the maximum of each "
        "channel, such as `[conv3_block4_out, conv4_block6_out]`. Without it, the last layers at "
        "the two deepest resolutions. " + NOT_PAPER,
    )
    dimensions: Whole = key(
        128, "Principal components to which the features are reduced, at most. " + NOT_PAPER
    )
    strengths: Annotated[list[Positive], Field(min_length=1), AfterValidator(_each_once)] = key(
        [0.0003, 0.001, 0.003, 0.01, 0.03],
        "Inverse strengths of the regularisation (`C` of scikit-learn) to choose from, by a "
        "cross-validation on given labels. " + NOT_PAPER,
    )
    heads: AtLeastTwo = key(
        50,
        "Classifiers on patients drawn with replacement; the variance of their predictions is the "
        "uncertainty of a probe. " + NOT_PAPER,
    )


class Strata(Group):
    low: WholeOrZero = key(
        35, "Cases from the low group in a stratified draw; size of the paper's group (Table 2)."
    )
    moderate: WholeOrZero = key(35, "Cases from the moderate group (Table 2).")
    high: WholeOrZero = key(20, "Cases from the high group (Table 2).")


class Study(Group):
    cases: WholeOrZero = key(
        90, "Test images to read on which network and label disagree (§3.2); 0 takes all of them."
    )
    draw: Literal["random", "stratified"] = key(
        "random",
        "`random` (§3.2), or `stratified`: as many of each group as `study.strata` says, and "
        "`study.cases` is not used.",
    )
    by: Literal["confidence", "uncertainty"] = key(
        "confidence",
        "The groups of a stratified draw: those of confidence or of uncertainty. " + NOT_PAPER,
    )
    strata: Strata = key(Strata(), "Sizes of the strata.")
    controls: WholeOrZero = key(
        0, "Test images mixed in on which network and label agree. The paper has none (§3.2)."
    )
    repeats: WholeOrZero = key(
        0,
        "Cases shown a second time, unmarked, to measure how often a reader agrees with himself or "
        "herself. The paper has none (§3.2).",
    )
    among: Literal["readings", "all"] = key(
        "readings",
        "Where `readings` is a file of expert reads, draw cases among the images that it covers "
        "(`readings`) or among all test images (`all`). " + NOT_PAPER,
    )


class SimulatedReader(Group):
    readers: Whole = key(3, "Number of readers, for `readings: simulated`. " + NOT_PAPER)
    sensitivity: Share = key(
        0.85, "Part of the images with the finding that a reader calls present. " + NOT_PAPER
    )
    specificity: Share = key(
        0.95, "Part of the images without the finding that a reader calls absent. " + NOT_PAPER
    )
    seed: Seed = key(0, "Number from which the readers' errors are drawn. " + NOT_PAPER)


class Report(Group):
    """The report (`snakemake report`)."""

    sections: Annotated[Any, AfterValidator(_auto_or_names)] = key(
        "auto",
        "Sections of the report, in their order: `auto` (all that the configuration can give), or "
        "a list of `data`, `table1`, `table2`, `detection`, `audit`, `suspicious`, `impact`, "
        "`hanging`, `paper`, `made` (docs/report.md). " + NOT_PAPER,
    )
    first: Whole = key(100, "Number of suspicious labels that are shown. " + NOT_PAPER)
    pictures: bool = key(
        True, "Show radiographs. Text may be burned into them: look before you send. " + NOT_PAPER
    )
    pseudonyms: bool = key(
        False,
        "Replace the names of images and patients; `report-key.csv` in the results says which is "
        "which and stays with you. " + NOT_PAPER,
    )


class Phantom(Group):
    patients: Whole = key(9300, "Number of patients; each has at least one PA image.")
    pa_images: Whole = key(9400, "Number of PA images, at least `phantom.patients`.")
    images_per_patient: Whole = key(1, "Least number of PA images of a patient.")
    ap_images: WholeOrZero = key(100, "Number of AP images.")
    size: Annotated[int, Number, Field(ge=16)] = key(128, "Width and height of the PNGs in pixels.")
    parts: Whole = key(4, "Number of jobs that share the drawing.")
    seed: Seed = key(1, "Number from which all the anatomy is drawn.")
    emphysema_rate: Share = key(0.15, "Part of the patients who have emphysema.")
    subcutaneous_rate: Share = key(0.03, "Part of the patients who have subcutaneous emphysema.")
    missed_rate: Share = key(0.3, "Part of the emphysemas that the metadata do not mention.")
    false_positive_rate: Share = key(
        0.03, "Part of the images without emphysema for which the metadata say Emphysema."
    )
    subcutaneous_reported_rate: Share = key(
        0.8, "Part of the subcutaneous emphysemas that the metadata call Emphysema."
    )
    device_rate: Share = key(0.08, "Part of the patients with a device (pacemaker, wires).")

    @model_validator(mode="after")
    def _each_patient_has_an_image(self) -> "Phantom":
        least = self.patients * self.images_per_patient
        if self.pa_images < least:
            raise ValueError(
                f"should have {least} pa_images or more, images_per_patient "
                f"({self.images_per_patient}) for each of the {self.patients} patients"
            )
        return self


class Settings(Group):
    """The whole configuration."""

    dataset: DataSet = key(DataSet(), "What kind of data set, and its name.")
    images: File = key(
        "data/ChestXRay14/images",
        "Folder of the PNG, JPEG or DICOM files, of the folders `images_0NN/`, or of the archives "
        "`images_NN.tar.gz` (§2.2).",
    )
    metadata: File = key(
        "data/ChestXRay14/Data_Entry_2017_v2020.csv",
        "Table of the images: the NIH's file (§2.2), or your own (docs/own-data.md).",
    )
    downloads: File = key(
        "nih",
        "Table of the files that `snakemake download` fetches and `snakemake verify` checks: `nih` "
        "(config/chestxray14-files.csv), or a CSV file with the same columns, for example with the "
        "addresses of a mirror. " + NOT_PAPER,
    )
    results: File = key("results", "Folder for everything that a run makes.")
    weights: File = key(
        "imagenet",
        "Initial weights: `imagenet` (Keras Applications, downloaded once), the path of a weights "
        "file (docs/weights.md), or `none`. The paper starts from ImageNet (§2.2).",
    )
    weights_input: Literal["auto", "torch", "caffe", "tf", "raw", "xrv"] = key(
        "auto",
        "What the network of the weights file expects: `torch` (unit variance), `caffe` (0–255 "
        "less the mean), `tf` (−1 to 1), `raw` (0–255), `xrv` (torchxrayvision). `auto` goes by "
        "the file. " + NOT_PAPER,
    )
    seeds: Seeds = key(
        [0],
        "One replicate for each number: cohort, flipped labels and training are drawn anew. Table "
        "1 shows means. The paper has one run per level (Table 1).",
    )
    finding: Finding = key(
        "Emphysema",
        "Finding of Table 2 (§2.3). Its task is the one in `tasks` that has its name in lower case "
        "with _ for spaces, such as `pleural_thickening`. Where there is none, one is added that "
        "is like `emphysema`.",
    )
    readings: File = key(
        "room",
        "Who reads the cases of Table 2: `room` (readings exported from the reading room; the "
        "paper had a radiologist, §3.2), the path of a CSV file of readings or of the NIH's expert "
        "reads, or `simulated` (readers who know the phantoms' truth; every table says so).",
    )
    table: Table = key(Table(), "How labels of a table of your own are read.")
    shards: Shards = key(Shards(), "The reduced images.")
    tolerated: Tolerated = key(Tolerated(), "Number of faulty images with which a run goes on.")
    tasks: dict[Annotated[str, AfterValidator(_task_name)], AnyTask] = key(
        ..., "What is predicted of an image, one entry for each task."
    )
    network: Network = key(Network(), "The network, and the machine that it runs on.")
    training: Training = key(Training(), "How a network is trained.")
    uncertainty: Uncertainty = key(Uncertainty(), "Monte Carlo batch normalisation.")
    sweeps: Sweeps = key(Sweeps(), "Sweeps over Monte Carlo samples and batch sizes.")
    measures: Measures = key(Measures(), "Confidence, and the groups.")
    detection: dict[str, Detected] = key(
        {},
        "How well each score finds wrong labels (docs/detection.md), an entry for each task that "
        "is measured. Without any, `situs` in its test split. " + NOT_PAPER,
    )
    audit: Audit = key(Audit(), "Which labels of an archive are wrong (docs/audit.md).")
    hanging: Hanging = key(Hanging(), "Files that hang wrongly or are there twice.")
    report: Report = key(Report(), "The report (docs/report.md).")
    corrections: Annotated[File | None, BeforeValidator(_none)] = key(
        None,
        "A table of corrected labels, such as the audit's `corrections.csv`, that is laid over the "
        "labels; its runs stand beside those without. " + NOT_PAPER,
    )
    probe: Probe = key(Probe(), "Linear classifiers on the features of a frozen network.")
    study: Study = key(Study(), "Which cases are read for Table 2.")
    simulated_reader: SimulatedReader = key(SimulatedReader(), "Readers of phantoms.")
    phantom: Phantom = key(Phantom(), "The phantoms of `dataset.kind: phantom`.")
