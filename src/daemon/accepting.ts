/** A user's yes to an offer, which may be a yes to its sender as well. */

import type { AcceptedView } from "../control/schema.ts";
import { LanxferError } from "../core/errors.ts";
import type { TrustStore } from "../identity/trust-store.ts";
import type { Offers } from "./incoming/offers.ts";
import { deviceView } from "./views.ts";

/**
 * By id or unambiguous prefix. With `pair` its sender is trusted first, since a yes
 * whose second half fails would be half of what was asked for. Rejects with
 * E_NOT_FOUND; with E_STATE when the trust cannot be kept, and then the offer
 * waits as before; with E_LOST when the sender hung up meanwhile.
 */
export async function acceptOffer(
  id: string,
  pair: boolean,
  { offers, trust }: { readonly offers: Offers; readonly trust: TrustStore },
): Promise<AcceptedView> {
  const { from, view, answer } = offers.find(id);
  const again = trust.get(from) !== undefined;
  const device = pair ? await trust.pair({ id: from, name: view.from.unpaired?.claims ?? "" }) : undefined;
  if (!answer()) {
    throw new LanxferError("E_LOST", { peer: view.from.name, text: "it was paired, but its offer is gone" });
  }
  return { offer: view, device: device === undefined ? null : deviceView(device), again };
}
