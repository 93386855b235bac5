"""The sections of the report by name, in their order.

A section is a module of this package with `section(files, study)`, which returns a `Section`.
`files` are the files that it rests on, by name, as `files_of_section` in `rules/reported.smk` lists
them; `study` is a `Study`. Its template is `templates/sections/{name}.html`.
"""

from cxrnoise.core.registry import Registry

SECTIONS = Registry(
    "cxrnoise.report.sections",
    "section of the report",
    "data",
    "table1",
    "table2",
    "detection",
    "audit",
    "suspicious",
    "impact",
    "hanging",
    "paper",
    "made",
)
