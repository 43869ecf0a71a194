"""SASRec and DIN on MovieTweetings."""
