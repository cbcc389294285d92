"""Capitals, digits and a few signs of 3 x 5 dots: a picture needs no font to name what it shows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_DOTS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757", "7": "71122",
    "8": "75757", "9": "75717", "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "25552", "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557", "V": "55552",
    "W": "55775", "X": "55255", "Y": "55222", "Z": "71247", "-": "00700", "+": "02720", ".": "00002", ",": "00024",
    "/": "11244", "%": "51245", ":": "02020", " ": "00000", "(": "24442", ")": "21112", "*": "05250", ";": "02024",
    "=": "07070",
}  # fmt: skip
"""Five rows from the top, each a number whose bits are the dots from left to right."""
WIDTH, HEIGHT = 4, 5
"""Dots from one sign to the next, and of a sign's rows."""


def write(picture: Pixels, text: str, row: int, column: int, dot: int) -> None:
    """Write one line of white signs into a picture; what lies outside is cut off.

    Parameters
    ----------
    picture : (rows, columns, 3) uint8
        Changed in place.
    text : str
        Written in capitals; signs without dots become spaces.
    row, column : int
        Of the upper left corner.
    dot : int
        Side of a dot, pixels.
    """
    for number, sign in enumerate(text.upper()):
        for down, bits in enumerate(_DOTS.get(sign, _DOTS[" "])):
            for along in range(3):
                if int(bits) >> (2 - along) & 1:
                    top, left = row + down * dot, column + (number * WIDTH + along) * dot
                    if top >= 0 and left >= 0:
                        picture[top : top + dot, left : left + dot] = 255
