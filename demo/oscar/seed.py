# Fills the empty shop: 48 products in six categories, each with a picture that is drawn here, and the index that is
# searched. Then looks at each page once: who comes first makes thumbnails and counters, and two who come first at once
# make one of them fail.
import io
import os
from decimal import Decimal

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from oscar.apps.address.models import Country
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.apps.catalogue.models import Category, Product, ProductClass, ProductImage
from oscar.apps.partner.models import Partner, StockRecord
from PIL import Image, ImageDraw

GLAZES = {
    "celadon": "#a8c3a5", "cobalt": "#3c5a99", "iron": "#4a4543", "ash": "#c9c2b4",
    "copper": "#b5683c", "ivory": "#efe6d2", "plum": "#6d4159", "moss": "#6b7a3f",
}
KINDS = {"Teapots": "Teapot", "Cups": "Cup", "Kettles": "Kettle", "Trays": "Tray", "Tins": "Tin", "Bowls": "Bowl"}
PRICES = [Decimal("64.00"), Decimal("14.50"), Decimal("89.00"), Decimal("32.00"), Decimal("12.90"), Decimal("18.00")]


def picture(kind, colour):
    image = Image.new("RGB", (480, 480), "#f4f1ea")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 350, 480, 480), fill="#e2dccf")
    draw.ellipse((90, 360, 390, 410), fill="#cfc7b6")
    edge = "#2d2a28"
    if kind in ("Teapot", "Kettle"):
        draw.polygon(((330, 250), (430, 180), (440, 200), (350, 320)), fill=colour, outline=edge)
        draw.arc((60, 200, 200, 340), 90, 270, fill=edge, width=14)
        draw.ellipse((120, 180, 360, 390), fill=colour, outline=edge, width=4)
        draw.ellipse((180, 165, 300, 205), fill=colour, outline=edge, width=4)
        draw.ellipse((226, 140, 254, 168), fill=edge)
    elif kind == "Tray":
        draw.polygon(((80, 330), (400, 330), (440, 390), (40, 390)), fill=colour, outline=edge)
        draw.polygon(((110, 342), (370, 342), (396, 376), (84, 376)), outline=edge)
    elif kind == "Tin":
        draw.rectangle((160, 190, 320, 390), fill=colour, outline=edge, width=4)
        draw.rectangle((150, 160, 330, 200), fill=colour, outline=edge, width=4)
        draw.rectangle((180, 250, 300, 330), fill="#f4f1ea", outline=edge, width=3)
    else:
        tall = 130 if kind == "Cup" else 100
        draw.pieslice((110, 390 - 2 * tall, 370, 390), 0, 180, fill=colour, outline=edge, width=4)
        draw.ellipse((110, 375 - tall, 370, 405 - tall), fill="#7a5a32", outline=edge, width=4)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()


@transaction.atomic
def fill():
    goods, _ = ProductClass.objects.get_or_create(name="Goods", track_stock=True)
    own, _ = Partner.objects.get_or_create(name="Own")
    Country.objects.get_or_create(
        iso_3166_1_a2="AT",
        defaults={
            "iso_3166_1_a3": "AUT", "iso_3166_1_numeric": "040", "printable_name": "Austria",
            "name": "Austria", "is_shipping_country": True,
        },
    )
    for place, (category, kind) in enumerate(KINDS.items()):
        shelf = create_from_breadcrumbs(category)
        for number, (glaze, colour) in enumerate(GLAZES.items()):
            product = Product.objects.create(
                title=f"{kind}, {glaze}",
                upc=f"{category[:2].upper()}-{number + 1:02}",
                product_class=goods,
                description=f"<p>{kind} of stoneware with a {glaze} glaze, turned and fired by hand. No two are alike.</p>",
            )
            product.categories.add(shelf)
            # More than any demonstration sells.
            StockRecord.objects.create(
                product=product, partner=own, partner_sku=product.upc, price_currency=settings.OSCAR_DEFAULT_CURRENCY,
                price=PRICES[place] + 2 * number, num_in_stock=1_000_000,
            )
            shown = ContentFile(picture(kind, colour), name=f"{product.slug}.jpg")
            ProductImage.objects.create(product=product, original=shown, display_order=0)


fill()
call_command("rebuild_index", interactive=False, verbosity=0)
visitor = Client()
pages = ["/en-gb/catalogue/?page=1", "/en-gb/catalogue/?page=2", "/en-gb/catalogue/?page=3"]
pages += [shelf.get_absolute_url() for shelf in Category.objects.all()]
pages += [product.get_absolute_url() for product in Product.objects.all()]
for page in pages:
    answer = visitor.get(page)
    assert answer.status_code == 200, f"{page}: {answer.status_code}"
