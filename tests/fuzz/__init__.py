"""Whatever is given to `load`, `record`, `record_batch` and `generate`: a result, or an `AttnvizError` with a sentence.

`python -m tests.fuzz --inputs 10000 --seed 1` tries as many inputs that hypothesis makes; each is a line of Python that
`tests.fuzz.names` can evaluate, so that what is printed brings a finding back. A finding is any other exception,
a result that cannot be looked at, a sentence that cannot be said, a hang, memory taken without asking, a crash.
"""
