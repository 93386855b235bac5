"""What an HTML page holds, for tests."""

from html.parser import HTMLParser


class Outline(HTMLParser):
    """Counts the columns of every table row, spans included, and checks that tags close."""

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.text = [], [], []
        self.spans = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.spans = [(left - 1, width) for left, width in self.spans if left > 1]
            self.rows.append(sum(width for _, width in self.spans))
        if tag in ("td", "th"):
            attributes = dict(attributes)
            width = int(attributes.get("colspan", 1))
            self.rows[-1] += width
            self.spans.append((int(attributes.get("rowspan", 1)), width))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read_html(text):
    outline = Outline()
    outline.feed(text)
    return outline
