"""What pages share: controls, charts, clicks, the reader, the link, the frame of a page."""
