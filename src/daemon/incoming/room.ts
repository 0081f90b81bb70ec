/**
 * Room on the disk for what is offered: set aside in full where there is enough.
 * Where there is not, what stands in the inbox already is looked at first, and
 * then what was interrupted longest ago makes room.
 */

import { toLanxferError } from "../../core/errors.ts";
import type { Arrival } from "../../transfer/earlier.ts";
import { type Extent, extentThere, NOTHING } from "../../transfer/extent.ts";
import type { Offer } from "../../transfer/incoming.ts";
import type { SmallFiles } from "../../transfer/small-files.ts";
import type { Party } from "../views.ts";
import type { Admission, Promised } from "./admission.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Interrupted } from "./interrupted.ts";

export interface RoomDeps {
  readonly admission: Admission;
  readonly interrupted: Interrupted;
  readonly arrivals: Arrivals;
  readonly files: SmallFiles;
  readonly inbox: () => string;
}

export class Room {
  readonly #deps: RoomDeps;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  /** Throws as `Admission.reserve` does. `here` bytes of it are on the disk from earlier attempts. */
  async reserve(peer: Party, offer: Offer, here: number): Promise<Promised> {
    const { admission } = this.#deps;
    try {
      return await admission.reserve(peer.id, offer, here);
    } catch (error) {
      if (toLanxferError(error).code !== "E_NO_SPACE") throw error;
    }
    const there = await this.#there(peer, offer);
    return this.#makingRoom(() => admission.reserve(peer.id, offer, here, there));
  }

  /** To be awaited before a file of so many bytes is written. Throws E_NO_SPACE or E_INBOX. */
  async write(promised: Promised, bytes: number): Promise<void> {
    const { admission } = this.#deps;
    if (!admission.covers(promised, bytes)) await this.#makingRoom(() => admission.setAside(promised));
  }

  /** What landed of a device before under the names of an offer, the newest first. */
  arrivals(peer: Party, { items }: Offer): Arrival[] {
    if (peer.unpaired !== undefined) return [];
    return this.#deps.arrivals.find(peer.id, new Set(items.map(({ name }) => name)), this.#deps.inbox());
  }

  async #there(peer: Party, offer: Offer): Promise<Extent> {
    const { files, inbox } = this.#deps;
    const arrivals = offer.there === true ? this.arrivals(peer, offer) : [];
    if (arrivals.length === 0) return NOTHING;
    return extentThere(inbox(), arrivals, offer.items, files).catch(() => NOTHING);
  }

  async #makingRoom<T>(reserve: () => Promise<T>): Promise<T> {
    try {
      return await reserve();
    } catch (error) {
      const { code, details } = toLanxferError(error);
      const missing = Number(details["needs"]) - Number(details["has"]);
      if (code !== "E_NO_SPACE" || !(await this.#deps.interrupted.makeRoom(missing))) throw error;
      return reserve();
    }
  }
}
