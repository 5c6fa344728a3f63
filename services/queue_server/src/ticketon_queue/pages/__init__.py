"""The buyer's page: rendered here, useful without JavaScript, in the languages that ``texts`` has.

- ``texts``: catalogues, the choice of a language, money and durations in words (pure)
- ``assets``: the style sheet and the script, under names that change with their contents
- ``rendering``: templates, headers (CSP), compression
- ``views``: which page somebody gets
- ``forms``: what the page's forms do
"""
