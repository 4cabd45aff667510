"""The endpoints, a module for each thing they are about. Each has a function that makes its router."""
