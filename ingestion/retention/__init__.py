"""What is kept: old files into containers or deleted, old change sets pruned, rows of killed loads removed."""
