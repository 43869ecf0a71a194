"""A series of numbers over time, forecast with an interval: which past hours does each coming hour look at?"""

NAMES = ("air-beijing", "air-beijing-even")  # of `attnviz/weights`
