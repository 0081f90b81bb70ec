/** A network card of a host and the cable from it to a switch. */

import type { Namespace } from "./namespace.ts";
import { eventually } from "./process.ts";

/** What a card has; its link-local IPv6 address comes by itself. */
export interface Addresses {
  /** In a network of 24 bits. @default none */
  readonly ipv4?: string;
  /** In a network of 64 bits. @default none */
  readonly ipv6?: string;
  /** @default false */
  readonly withoutIpv6?: boolean;
}

export class Card {
  readonly name: string;
  readonly #namespace: Namespace;
  readonly #switch: Namespace;
  readonly #port: string;
  readonly #hardware: string;
  #addresses: Addresses = {};

  /** `number` tells it from the others at the switch. */
  constructor(name: string, namespace: Namespace, bridge: Namespace, number: number) {
    this.name = name;
    this.#namespace = namespace;
    this.#switch = bridge;
    this.#port = `port${number}`;
    this.#hardware = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
  }

  /** Its IPv4 address now. */
  get ipv4(): string | undefined {
    return this.#addresses.ipv4;
  }

  /** Pulls the cable: the host sees its carrier go, everybody else sees silence. */
  unplug(): Promise<void> {
    return this.#switch.ip(`link set ${this.#port} down`);
  }

  /** Resolves when the link carries traffic. */
  async plug(): Promise<void> {
    await this.#switch.ip(`link set ${this.#port} up`);
    await this.#forwarding();
  }

  /** Another IPv4 address instead of the one it has. */
  async changeAddress(ipv4: string): Promise<void> {
    await this.#namespace.ip(`addr del ${this.ipv4}/24 dev ${this.name}`, ...this.#ipv4(ipv4));
    this.#addresses = { ...this.#addresses, ipv4 };
  }

  remove(): Promise<void> {
    return this.#namespace.ip(`link del ${this.name}`);
  }

  /** Puts it (back) in, with its old hardware address. Resolves when the link carries traffic. */
  async add(addresses: Addresses = this.#addresses): Promise<void> {
    const { ipv4, ipv6, withoutIpv6 = false } = addresses;
    await this.#switch.ip(
      `link add ${this.#port} type veth peer name ${this.name} address ${this.#hardware} netns ${this.#namespace.pid}`,
      `link set ${this.#port} master br0 up`,
    );
    await this.#namespace.ip(
      ...(withoutIpv6 ? [`link set ${this.name} addrgenmode none`] : []),
      `link set ${this.name} up`,
      ...(ipv4 === undefined ? [] : this.#ipv4(ipv4)),
      ...(ipv6 === undefined ? [] : [`addr add ${ipv6}/64 dev ${this.name} nodad`]),
    );
    this.#addresses = addresses;
    await this.#forwarding();
  }

  /** With a default route, as every machine at home has one, though nobody answers at its end. */
  #ipv4(address: string): string[] {
    const gateway = address.replace(/\d+$/, "254");
    return [
      `addr add ${address}/24 dev ${this.name}`,
      ...(this.name === "eth0" ? [`route replace default via ${gateway} dev ${this.name}`] : []),
    ];
  }

  // The kernel tells a bridge of a new carrier at most once a second.
  async #forwarding(): Promise<void> {
    await eventually(`${this.name} on the link`, async () =>
      /\bstate forwarding\b/.test(await this.#switch.show(`-d link show ${this.#port}`)) ? true : undefined,
    );
  }
}
