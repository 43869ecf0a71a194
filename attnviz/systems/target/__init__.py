"""Target attention: one text asks, another answers, by five similarity functions."""
