"""The program of the board at the treatment chair."""

VERSION = "0.1.0"
