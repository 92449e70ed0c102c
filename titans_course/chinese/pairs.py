"""Long sentences side by side: English, then `=> ` and Chinese, with an empty line between two pairs."""


def read_pairs(text: str) -> dict[str, str]:
    """English -> Chinese, each on one line."""
    pairs = (paragraph.split("=> ") for paragraph in text.strip().split("\n\n"))
    return {" ".join(english.split()): chinese.replace("\n", "") for english, chinese in pairs}
