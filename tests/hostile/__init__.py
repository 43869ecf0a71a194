"""Whatever strangers send to the app and the library: a page, a result, or a sentence; never a hang or a foreign host.

`python -m tests.hostile --inputs 10000 --seed 1` tries links, uploads, folders (config, tokenizer, the header and the
body of safetensors changed) and calls, each with a limit of time and memory, in a process of its own (`tests.fuzz`);
half of the links under the profile for strangers.
"""
