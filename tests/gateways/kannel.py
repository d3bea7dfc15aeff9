"""The real Kannel of Debian: bearerbox and smsbox, between a hub and an SMS centre on loopback."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.gateways.programs import listens, logs, running
from tests.gateways.smsc import Smsc
from tests.ports import free_ports
from tests.support import until

USER, PASSWORD = "hub", "password-of-the-hub"

CONFIG = """
group = core
admin-port = {admin}
admin-password = admin-password
admin-allow-ip = 127.0.0.1
smsbox-port = {box}
box-allow-ip = 127.0.0.1
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = SIM
host = 127.0.0.1
port = {smpp}
transceiver-mode = true
smsc-username = kannel
smsc-password = secret
system-type = ""
source-addr-autodetect = true

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
http-request-retry = 5
http-queue-delay = 1

group = sendsms-user
username = {user}
password = {password}
max-messages = 10

group = sms-service
keyword = default
text = no
"""


@asynccontextmanager
async def kannel() -> AsyncGenerator[tuple[str, Smsc]]:
    """A Kannel that is bound to its SMS centre: the address of smsbox, and the centre."""
    admin, box, smpp, sendsms = free_ports(4)
    with logs("kannel") as folder:
        config = folder / "kannel.conf"
        config.write_text(
            CONFIG.format(
                admin=admin, box=box, smpp=smpp, sendsms=sendsms, user=USER, password=PASSWORD
            )
        )
        async with Smsc(smpp) as smsc:
            with _box("bearerbox", config, folder) as bearerbox:
                await until(lambda: smsc.bound or bearerbox.poll() is not None, 20)
                with _box("smsbox", config, folder):
                    await until(lambda: listens(sendsms), 20)
                    yield f"http://127.0.0.1:{sendsms}", smsc


def _box(program: str, config: Path, folder: Path) -> running:
    return running(program, "-v", "4", str(config), folder=folder)
