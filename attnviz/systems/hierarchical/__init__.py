"""Hierarchical attention (Yang et al. 2016): words make sentences, sentences make the document."""
