"""attnviz in the notebook that people have: a page for a cell's output, and the way in for weights from elsewhere.

given, arrays, pieces   `from_weights`: what transformers, TransformerLens or anybody returned, as a `Trace`
codes, kept             weights in few bytes: exact where they fit, the strongest of each row where they do not
page, show              the page, self-contained, and how it stands in a cell
views                   `head_view` and `model_view`, of BertViz's shape
"""
