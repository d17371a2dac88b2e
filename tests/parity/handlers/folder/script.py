import sys

X = 5
NAME = __name__
FILE = __file__
