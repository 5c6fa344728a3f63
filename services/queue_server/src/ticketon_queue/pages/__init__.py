"""The buyer's page: rendered here, useful without JavaScript, in the languages that ``texts`` has.

- ``texts``: catalogues, the choice of a language, money and durations in words (pure)
- ``palette``: colours and shape, and which of an organiser's can be read (pure)
- ``assets``: the style sheet, the script and pictures, under names that change with their contents (pure)
- ``appearance``: what an organiser's files make of the pages (pure); ``folder`` reads them
- ``rendering``: templates, headers (CSP), compression
- ``views``: which page somebody gets
- ``forms``: what the page's forms do
"""
