"""The report as one HTML file that needs nothing besides: `document` is the page, `figures` its charts: those of
`money` and of `quoting`.

The style and what a browser runs are in `page.css` and `page.js`.
"""
