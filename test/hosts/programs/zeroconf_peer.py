"""zeroconf_peer.py NAME ID ADDRESS: announces a device with python-zeroconf, an
implementation that has nothing in common with ours, and prints a JSON line for
each device that it finds, with what it makes of its records."""

import json
import signal
import socket
import sys

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, Zeroconf

TYPE = "_lanxfer._tcp.local."
name, device, address = sys.argv[1:]


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Listener:
    def add_service(self, zeroconf, kind, instance):
        info = zeroconf.get_service_info(kind, instance, timeout=5000)
        if info is None:
            tell("unresolved", instance=instance)
            return
        text = {key.decode(): value.decode() for key, value in info.properties.items()}
        tell("found", instance=instance, host=info.server, port=info.port, text=text,
             addresses=info.parsed_addresses(IPVersion.V4Only))

    def update_service(self, zeroconf, kind, instance):
        pass

    def remove_service(self, zeroconf, kind, instance):
        tell("removed", instance=instance)


zeroconf = Zeroconf(interfaces=[address])
zeroconf.register_service(ServiceInfo(
    TYPE, f"{name} ({device[:4]}).{TYPE}", port=25726, server=f"python-{device}.local.",
    addresses=[socket.inet_aton(address)],
    properties={"txtvers": "1", "v": "1", "id": device, "name": name, "boot": "python"}))
tell("registered")
ServiceBrowser(zeroconf, TYPE, Listener())
signal.pause()  # until it is killed
