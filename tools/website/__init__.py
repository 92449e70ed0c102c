"""What `tools/site.py` builds the site from.

lessons.py     notebooks and other pages, each in one language
api.py         the API pages, read from the source
check.py       whether a built site is whole: links, errors, requests, widths
conf.py        settings of Sphinx; templates/, static/, index.*.md and sphinx.zh.po belong to it
"""
