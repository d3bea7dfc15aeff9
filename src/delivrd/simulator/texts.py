"""Realistic traffic to send through a hub: recipients by country, senders, texts of 1 to 3 parts.

Pure and seeded. Each text has a unique number near its beginning, so that it differs from every
other text of the run.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import count
from typing import NamedTuple

from delivrd.simulator.traffic import COUNTRIES, Country

SENDERS = ("Acme", "AcmeBank", "ParcelGo", "DrHealth", "447400000001")

TEXTS: tuple[tuple[float, str, str], ...] = (
    (30, "", "{code} is your Acme code. It is valid for 10 minutes. Do not share it with anybody."),
    (18, "", "Parcel {code} is out for delivery and arrives today between 14:00 and 16:00."),
    (12, "", "Payment {code}: 49.90 EUR at Corner Shop. Not you? Call us at once."),
    (8, "", "Reminder {code}: your appointment is tomorrow at 9:30 [room 4]. Reply C to cancel."),
    (
        7,
        "",
        "Order {code} is confirmed. We are packing it now and will write again when it leaves our "
        "warehouse. You can change the address until 18:00 today in your account; questions are "
        "answered by our team from 8 to 20 on every weekday.",
    ),
    (
        2,
        "",
        "Policy {code} was renewed for a year. Your cover stays as it is: fire, water, storm and "
        "theft, with an excess of 150. The premium of 214.80 is taken from your account on the "
        "first of next month. You may withdraw within 14 days without giving a reason; a letter or "
        "an e-mail is enough. The full terms are in your customer area, where you can also report "
        "damage, add a person or change your bank details at any time.",
    ),
    (4, "", "Hi! {code} 🎉 Your table for two is booked for Friday at 20:00."),
    (8, "EE", "Kood {code}: tere tulemast! Sinu tellimus on teel, kätte saad täna õhtul."),
    (8, "DE", "{code} ist Ihr Code für die Überweisung. Geben Sie ihn niemals weiter. Grüße!"),
    (8, "FR", "Code {code} : votre colis est arrivé au point relais. À bientôt !"),
    (14, "IN", "{code} आपका सत्यापन कोड है। इसे किसी के साथ साझा न करें।"),
    (
        6,
        "IN",
        "ऑर्डर {code} की पुष्टि हो गई है। डिलीवरी कल शाम छह बजे तक होगी। पता बदलने के लिए आज रात "
        "नौ बजे से पहले अपने खाते में जाएँ।",
    ),
)
"""Weight, country (empty: any) and text."""


class Text(NamedTuple):
    """One message to send: ``to`` in E.164 with plus; ``gateway`` is a dialect's name."""

    to: str
    sender: str
    text: str
    gateway: str
    reference: str


def messages(
    *, seed: int = 1, gateways: Mapping[str, float] | None = None, number: int | None = None
) -> Iterator[Text]:
    """Endless traffic, or ``number`` messages of it.

    ``gateways`` fixes the gateways and their shares in every country, instead of the model's own
    (``traffic.spread`` makes equal ones).
    """
    rng = random.Random(f"messages/{seed}")
    weights = [country.weight for country in COUNTRIES]
    for index in count() if number is None else range(number):
        country = rng.choices(COUNTRIES, weights)[0]
        shares = gateways or country.gateways
        yield Text(
            to=_number(rng, country),
            sender=rng.choices(SENDERS, (6, 3, 4, 2, 1))[0],
            text=_text(rng, country, f"{(seed * 7919 + index) % 1_000_000:06d}"),
            gateway=rng.choices(list(shares), list(shares.values()))[0],
            reference=f"sim-{seed}-{index}",
        )


def _number(rng: random.Random, country: Country) -> str:
    rest = rng.randrange(10**country.digits)
    return f"+{rng.choice(country.prefixes)}{rest:0{country.digits}d}"


def _text(rng: random.Random, country: Country, code: str) -> str:
    fitting = [row for row in TEXTS if row[1] in ("", country.code)]
    return rng.choices(fitting, [row[0] for row in fitting])[0][2].format(code=code)
