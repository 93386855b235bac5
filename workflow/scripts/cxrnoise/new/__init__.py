"""`make new`: looks at a folder of images and a table, and writes a configuration for them.

`folder` lists the images, `roles` says which column is what, `labels` counts findings and classes,
`survey` brings them together by the workflow's own readers, `choices` turns what was found into
keys of the configuration, `summary` is what is printed, and `configuration.yaml` is the template.
"""
