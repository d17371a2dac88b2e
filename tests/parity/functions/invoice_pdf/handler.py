"""An invoice as a PDF, out of JSON."""

import json
from datetime import datetime, timezone

from fpdf import FPDF


class Invoice(FPDF):
    def header(self):
        self.set_font("Helvetica", "B", 16)
        self.cell(0, 10, "Invoice", align="R", new_x="LMARGIN", new_y="NEXT")


def handle(event, context):
    order = json.loads(event.body)
    pdf = Invoice()
    pdf.set_compression(False)
    pdf.set_producer("invoices")
    pdf.creation_date = datetime(2026, 1, 2, tzinfo=timezone.utc)
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    for item in order["items"]:
        pdf.cell(120, 8, item["name"])
        pdf.cell(40, 8, f"{item['price']:.2f}", align="R", new_x="LMARGIN", new_y="NEXT")
    total = sum(item["price"] for item in order["items"])
    pdf.cell(160, 8, f"{total:.2f}", align="R")
    headers = {
        "Content-Type": "application/pdf",
        "Content-Disposition": f'attachment; filename="{order["number"]}.pdf"',
    }
    return bytes(pdf.output()), 200, headers
