"""Where files are: in folders, in S3, in containers; what a name says of time and feed. What bytes mean is for `formats`."""
