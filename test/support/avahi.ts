/**
 * avahi-daemon on a host, with a D-Bus of its own: the host gets a /run of its
 * own for both, in a mount namespace that ends with its last program.
 */

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Host } from "./hosts.ts";
import { eventually, type Finished, type Running, type RunOptions } from "./process.ts";

const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/><allow user="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
`;

const SETTINGS = `[server]
allow-interfaces=eth0
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
`;

const BUS_UNTIL_KILLED =
  'mount -t tmpfs none /run && mkdir /run/dbus /run/avahi-daemon && exec dbus-daemon --nofork --config-file="$0"';

export class Avahi {
  readonly #host: Host;
  readonly #directory: string;
  readonly #bus: Running;
  #daemon: Running;

  private constructor(host: Host, directory: string, bus: Running, daemon: Running) {
    this.#host = host;
    this.#directory = directory;
    this.#bus = bus;
    this.#daemon = daemon;
  }

  /** Resolves when it answers. It ends with the host. */
  static async open(host: Host): Promise<Avahi> {
    const directory = path.join(host.home, "avahi");
    await mkdir(directory);
    await writeFile(path.join(directory, "bus.conf"), BUS);
    await writeFile(path.join(directory, "avahi.conf"), SETTINGS);
    const bus = host.start(["unshare", "--mount", "sh", "-c", BUS_UNTIL_KILLED, path.join(directory, "bus.conf")]);
    const socket = `/proc/${bus.pid}/root/run/dbus/system_bus_socket`;
    await eventually(`the bus of ${host.name}`, async () =>
      (await host.run(["test", "-S", socket])).code === 0 ? true : undefined,
    );
    return new Avahi(host, directory, bus, await startDaemon(host, bus, directory));
  }

  /** Kills it and starts it again, as an update of the system does at its worst. */
  async restart(): Promise<void> {
    await this.#daemon.stop("SIGKILL");
    this.#daemon = await startDaemon(this.#host, this.#bus, this.#directory);
  }

  /** Starts one of its tools. */
  start(command: readonly string[]): Running {
    return this.#host.start(beside(this.#bus, command));
  }

  run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.#host.run(beside(this.#bus, command), options);
  }
}

function beside(bus: Running, command: readonly string[]): string[] {
  return ["nsenter", `--target=${bus.pid}`, "--mount", "--", ...command];
}

async function startDaemon(host: Host, bus: Running, directory: string): Promise<Running> {
  const args = ["--no-drop-root", "--no-chroot", "--no-rlimits", "--file", path.join(directory, "avahi.conf")];
  const daemon = host.start(beside(bus, ["sh", "-c", 'exec avahi-daemon "$@" 2>&1', "sh", ...args]));
  await daemon.line((line) => line.includes("Server startup complete"), 20_000);
  return daemon;
}
